"""What a sweeper that chooses values optimises."""

from typing import Any

from omegaconf import DictConfig, ListConfig

from snnexp.cli.sweep_table import energy, train_seconds
from snnexp.composition.extent import GRID
from snnexp.errors import ConfigError
from snnexp.results.run import RunResult


def objective(
    result: RunResult, names: list[str] | tuple[str, ...] = ("accuracy",)
) -> float | tuple[float, ...]:
    """What a search looks for; a number for one objective, several for more.

    The accuracy, in percent of the weights kept, is that on the validation split; on the test set
    only where there is none. Spikes and energy are those of one image.

    Raises:
        ConfigError: the run has no such figure, as an analog network has no spikes.
    """
    values = tuple(_value(result, name) for name in names)
    return values[0] if len(values) == 1 else values


def _value(result: RunResult, name: str) -> float:
    last = result.last
    accuracy = last.accuracy if last.validation_accuracy is None else last.validation_accuracy
    value = {
        "accuracy": accuracy,
        "spikes": last.spikes_per_inference,
        "energy": energy(result),
        "time": train_seconds(result),
    }[name]
    if value is None:
        raise ConfigError(
            f"1 problem in this configuration\n  objectives: this network has no {name}; take it "
            "out of objectives, or search where there is some"
        )
    return value


def check_sweeper(config: DictConfig, sweeper: str, direction: Any = "maximize") -> None:
    """Raises `ConfigError` where a sweeper would look for the worst, or choose by the accuracy on
    the test set without being told to.
    """
    given = list(direction) if isinstance(direction, list | ListConfig) else [direction]
    directions = [str(getattr(each, "name", each)) for each in given]
    names = list(config.get("objectives", ["accuracy"]))
    wanted = ["maximize" if name == "accuracy" else "minimize" for name in names]
    if sweeper != GRID and (directions != wanted or not names):
        raise ConfigError(_worst(directions, wanted, names))
    if sweeper != GRID and not config.dataset.get("validation") and config.selection != "best_test":
        raise ConfigError(
            "1 problem in this configuration\n  dataset.validation: a search needs images to "
            "choose by; "
            "set dataset.validation=N, or selection=best_test to choose by the test set"
        )


def _worst(directions: list[str], wanted: list[str], names: list[str]) -> str:
    shown, right = _one_or_list(directions), _one_or_list(wanted or ["maximize"])
    return (
        f"1 problem in this configuration\n  hydra.sweeper.direction: {shown!r} looks for the "
        f"worst {', '.join(names) or 'of nothing, objectives is empty'}; set "
        f"hydra.sweeper.direction={right}"
    )


def _one_or_list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"[{','.join(words)}]"
