"""How a run falls short of what its experiment asks for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from snnexp.results.share import Share
from snnexp.runs.start import epochs

Config = Mapping[str, Any]


def shortfall(config: Config, intended: Config | None) -> list[Share]:
    """What the run was given less of than its experiment asks for.

    Args:
        config: the configuration that was run.
        intended: that of the experiment by itself; None for a run without one.
    """
    debugged = [Share("debug", None, None, None)] if config.get("debug") else []
    if intended is None:
        return debugged
    measures = (_epochs, _timesteps, _images, _calibration)
    return [*debugged, *(share for measure in measures for share in measure(config, intended))]


def _stages(
    config: Config, intended: Config, measure: Callable[[Config], int]
) -> Iterator[tuple[str, int, int]]:
    given = config["strategy"]["stages"]
    for name, stage in intended["strategy"]["stages"].items():
        yield name, measure(given.get(name, {})), measure(stage)


def _epochs(config: Config, intended: Config) -> Iterator[Share]:
    stages = [stage for stage in _stages(config, intended, epochs) if stage[2]]
    for name, given, full in stages:
        if given < full:
            yield Share("epochs", None if len(stages) == 1 else name, given, full)


def _timesteps(config: Config, intended: Config) -> Iterator[Share]:
    given, full = (each["evaluate"]["timesteps"] for each in (config, intended))
    if given < full:
        yield Share("timesteps", None, given, full)
    for name, trained, asked in _stages(config, intended, lambda stage: stage.get("timesteps", 0)):
        if (
            trained < asked
            and "epochs" in intended["strategy"]["stages"][name]
            and (trained, asked) != (given, full)
        ):
            yield Share("timesteps", name, trained, asked)


def _images(config: Config, intended: Config) -> Iterator[Share]:
    held_out, meant = (each["dataset"].get("validation", 0) for each in (config, intended))
    if held_out > meant:
        yield Share("validation", None, held_out, meant)
    given, full = (each["evaluate"]["images"] for each in (config, intended))
    if given is not None and (full is None or given < full):
        yield Share("images", None, given, full)


def _calibration(config: Config, intended: Config) -> Iterator[Share]:
    """What thresholds are found from."""
    given, full = (each.get("threshold", {}).get("timesteps", 0) for each in (config, intended))
    if 0 < given < full:  # 0: another rule
        yield Share("threshold", None, given, full)
    for name, taken, asked in _stages(config, intended, lambda stage: stage.get("samples", 0)):
        if 0 < taken < asked:
            yield Share("samples", name, taken, asked)
