"""What Hydra knows of a job beyond its configuration, for trackers."""

import re
from pathlib import Path

import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from snnexp.files.documents import LARGEST_YAML
from snnexp.files.foreign import Unreadable, read_regular
from snnexp.track.base import Labels


def labels_of(choices: dict[str, str], stages: tuple[str, ...]) -> Labels:
    """What a run is filed under; a run outside Hydra was given no overrides and is of no sweep.

    Args:
        choices: the option chosen in each group.
        stages: names of the stages, in order.
    """
    overrides, sweep = [], sweep_folder()
    if HydraConfig.initialized():
        overrides = list(HydraConfig.get().overrides.task)
    if sweep is not None:
        overrides = _swept_first(overrides, sweep)
    name = None if sweep is None else sweep.name
    return Labels(choices.get("experiment"), choices, stages, tuple(overrides), name)


def sweep_folder() -> Path | None:
    """The folder of the sweep that this process runs a job of; None in a single run."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return None
    return Path(HydraConfig.get().sweep.dir).absolute()


def _swept_first(overrides: list[str], sweep: Path) -> list[str]:
    """The overrides of a job, those that other jobs have otherwise before those that all have."""
    common = {_plain(each) for each in _of_all(sweep)}
    return sorted(overrides, key=lambda each: _plain(each) in common)


def _of_all(sweep: Path) -> list[str]:
    """The overrides that a sweep was started with, which Hydra keeps where its sweeper lets it."""
    try:
        kept = yaml.safe_load(read_regular(sweep / "multirun.yaml", LARGEST_YAML))
        return [str(each) for each in kept["hydra"]["overrides"]["task"]]
    except (Unreadable, yaml.YAMLError, TypeError, KeyError):
        return []


def _plain(override: str) -> str:
    """What Hydra writes in several ways: `a=True` and `a=true`, `a='x'` and `a=x`."""
    return re.sub(r"[\s'\"]", "", override).lower()
