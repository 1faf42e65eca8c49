"""What Hydra knows of a job beyond its configuration, for trackers."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from snnexp.track.base import Labels


def labels_of(choices: dict[str, str], stages: tuple[str, ...]) -> Labels:
    """What a run is filed under; a run outside Hydra was given no overrides and is of no sweep.

    Args:
        choices: the option chosen in each group.
        stages: names of the stages, in order.
    """
    overrides, sweep = (), None
    if HydraConfig.initialized():
        settings = HydraConfig.get()
        overrides = tuple(settings.overrides.task)
        sweeping = settings.mode == RunMode.MULTIRUN
        sweep = Path(settings.sweep.dir).absolute().name if sweeping else None
    return Labels(choices.get("experiment"), choices, stages, overrides, sweep)
