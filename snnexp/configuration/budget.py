"""How a run falls short of what its experiment asks for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from snnexp.runs.start import epochs

Config = Mapping[str, Any]


class Share(NamedTuple):
    """What a run was given of something, and what its experiment asks for; None stands for all there is."""

    name: str
    given: int | None
    full: int | None


def shortfall(config: Config, intended: Config | None) -> dict[str, Any]:
    """What the result file says of the budget: the names of all that was `reduced`, and of these the `given_budget` and the `full_budget`.

    Args:
        config: the configuration that was run.
        intended: that of the experiment by itself; None for a run without one.
    """
    shares = (_epochs, _timesteps, _images, _calibration)
    reduced = [] if intended is None else [share for measure in shares for share in measure(config, intended)]
    return {
        "reduced": [share.name for share in reduced],
        "given_budget": {share.name: share.given for share in reduced},
        "full_budget": {share.name: share.full for share in reduced},
    }


def _stages(config: Config, intended: Config, measure: Callable[[Config], int]) -> Iterator[tuple[str, int, int]]:
    given = config["strategy"]["stages"]
    for name, stage in intended["strategy"]["stages"].items():
        yield name, measure(given.get(name, {})), measure(stage)


def _epochs(config: Config, intended: Config) -> Iterator[Share]:
    stages = [stage for stage in _stages(config, intended, epochs) if stage[2]]
    for name, given, full in stages:
        if given < full:
            yield Share("epochs" if len(stages) == 1 else f"{name}.epochs", given, full)


def _timesteps(config: Config, intended: Config) -> Iterator[Share]:
    given, full = (each["evaluate"]["timesteps"] for each in (config, intended))
    if given < full:
        yield Share("timesteps", given, full)
    for name, trained, asked in _stages(config, intended, lambda stage: stage.get("timesteps", 0)):
        if trained < asked and "epochs" in intended["strategy"]["stages"][name] and (trained, asked) != (given, full):
            yield Share(f"{name}.timesteps", trained, asked)


def _images(config: Config, intended: Config) -> Iterator[Share]:
    held_out, meant = (each["dataset"].get("validation", 0) for each in (config, intended))
    if held_out > meant:
        yield Share("dataset.validation", held_out, meant)
    given, full = (each["evaluate"]["images"] for each in (config, intended))
    if given is not None and (full is None or given < full):
        yield Share("evaluate.images", given, full)


def _calibration(config: Config, intended: Config) -> Iterator[Share]:
    """What thresholds are found from."""
    given, full = (each.get("threshold", {}).get("timesteps", 0) for each in (config, intended))
    if 0 < given < full:  # 0: another rule
        yield Share("threshold.timesteps", given, full)
    for name, taken, asked in _stages(config, intended, lambda stage: stage.get("samples", 0)):
        if 0 < taken < asked:
            yield Share(f"{name}.samples", taken, asked)
