"""Changes with which a trained network is evaluated: each takes effect, or is refused with the
reason.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from snnexp.composition.explain import MISTAKES
from snnexp.configuration.check import faults, refuse
from snnexp.datasets.base import DataError
from snnexp.errors import ConfigError
from snnexp.reopen.difference import differ
from snnexp.reopen.opened import Reopened, opened
from snnexp.report.comparison import flat
from snnexp.runs.kept import Settled

Config = dict[str, Any]
NO_EFFECT = (
    "has no effect on an evaluation of this run: training, or a stage that is not run again, has "
    "settled it, or nothing asks for it"
)


def effective(
    path: Path,
    trained: Config,
    config: Config,
    changes: list[str],
    changed: Callable[[list[str]], Config],
) -> Reopened:
    """The network of a run under a changed configuration.

    Args:
        path: of the weights.
        trained: the configuration of the run.
        config: the same with all changes.
        changes: as they were given.
        changed: the configuration under some of them.

    Raises:
        ConfigError: changes that the stored weights override, or that make no difference.
    """
    try:
        reopened = opened(config, trained, path)
    except Settled as error:
        settled = [*_settled(path, trained, changes, changed)] or [f"{' '.join(changes)}: {error}"]
        refuse(settled, "the changes")
    refuse([*_idle(reopened, path, trained, changes, changed)], "the changes")
    return reopened


def _settled(
    path: Path, trained: Config, changes: list[str], changed: Callable[[list[str]], Config]
) -> Iterator[str]:
    """What is wrong with changes that cannot be made even alone."""
    for change in changes:
        try:
            opened(_sound(changed([change])), trained, path)
        except Settled as error:
            yield f"{change}: {error}"
        except (ConfigError, DataError, *MISTAKES):
            continue  # it needs another one


def _idle(
    reopened: Reopened,
    path: Path,
    trained: Config,
    changes: list[str],
    changed: Callable[[list[str]], Config],
) -> Iterator[str]:
    """What is wrong with changes without which everything would be the same."""
    for change in changes:
        try:
            without = _sound(changed([each for each in changes if each != change]))
            if without != reopened.config and not differ(reopened, opened(without, trained, path)):
                yield f"{change}: {NO_EFFECT}{_elsewhere(change, trained)}"
        except (ConfigError, DataError, *MISTAKES):
            continue  # the others need it


def _sound(config: Config) -> Config:
    refuse(faults(config))
    return config


def _elsewhere(change: str, trained: Config) -> str:
    """Where the run keeps the same setting, such as in a stage that has been handed it."""
    key = change.partition("=")[0]
    places = [name for name in flat(trained) if name.endswith(f".{key}")]
    return f" (the run has it as {', '.join(places)})" if places else ""
