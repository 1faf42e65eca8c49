"""What a sweeper that chooses values optimises."""

from typing import Any

from omegaconf import DictConfig

from snnexp.composition.extent import GRID
from snnexp.errors import ConfigError
from snnexp.results.run import RunResult


def objective(result: RunResult) -> float:
    """Accuracy in percent of the weights kept, on the validation split; on the test set only where
    there is none.
    """
    last = result.last
    return last.accuracy if last.validation_accuracy is None else last.validation_accuracy


def check_sweeper(config: DictConfig, sweeper: str, direction: Any = "maximize") -> None:
    """Raises `ConfigError` where a sweeper would look for the worst, or choose by the accuracy on
    the test set without being told to.
    """
    if str(getattr(direction, "name", direction)) != "maximize":
        raise ConfigError(
            "1 problem in this configuration\n  hydra.sweeper.direction: "
            f"{getattr(direction, 'name', direction)!r} looks for the worst "
            "accuracy; set hydra.sweeper.direction=maximize"
        )
    if sweeper != GRID and not config.dataset.get("validation") and config.selection != "best_test":
        raise ConfigError(
            "1 problem in this configuration\n  dataset.validation: a search needs images to "
            "choose by; "
            "set dataset.validation=N, or selection=best_test to choose by the test set"
        )
