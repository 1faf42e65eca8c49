"""What recorded runs say about a published row."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean, stdev

from snnexp.results.run import RunResult
from snnexp.results.share import Share
from snnexp.results.stage import StageResult
from snnexp.survey.rows import Row
from snnexp.survey.verdict import verdict


@dataclass(frozen=True)
class Measured:
    """All runs of one configuration that stand for one row, together.

    Args:
        accuracies: top-1 accuracy in percent of each run, at the row's T.
        timesteps: T at which they were read.
        spikes_per_neuron: mean over the runs; None for analog networks, and where T is not the
            whole inference that was counted.
        budget: what was reduced against the experiment, in words; empty for full runs.
        marks: what the accuracy should not be read without: flags of the runs, and that no commit,
            or today's code, gives them again.
        energy_joule: mean over the runs, per image; None under the same conditions as the spikes,
            but of an analog network there is one.
        energy_models: by which it was worked out, in words; one, unless runs differ.
        commits: of the code that made the runs.
        machines: on which they were made.
    """

    accuracies: tuple[float, ...]
    timesteps: int
    spikes_per_neuron: float | None
    budget: str
    marks: tuple[str, ...] = ()
    energy_joule: float | None = None
    energy_models: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Mean accuracy in percent."""
        return fmean(self.accuracies)

    @property
    def std(self) -> float | None:
        """Standard deviation over the runs; None for one run."""
        return stdev(self.accuracies) if len(self.accuracies) > 1 else None


def measured(row: Row, results: list[RunResult]) -> Measured | None:
    """The runs that stand for `row`: of one configuration, a full one before reduced ones, then one
    that answers by the row's T, then the one run most often, then the best.

    None where there are none.
    """
    standing = sorted((result for result in results if _stage(row, result)), key=_configuration)
    groups = [_together(row, [*group]) for _, group in groupby(standing, _configuration)]
    longest = int(row.timesteps) if row.timesteps.isdigit() else math.inf
    return max(
        groups,
        key=lambda group: (
            not group.budget,
            group.timesteps <= longest,
            len(group.accuracies),
            group.mean,
        ),
        default=None,
    )


def status(row: Row, found: Measured | None, has_experiment: bool = True) -> str:
    """`reproduced`, `below`, `above`, `partial`, `not run`, or `no figure` where the survey states
    none; `no experiment` where nothing here could be run for the row.
    """
    if found is None:
        return "not run" if has_experiment else "no experiment"
    if found.budget:
        return "partial"
    if not row.accuracy:
        return "no figure"
    return verdict(found.accuracies, float(row.accuracy))


def _configuration(result: RunResult) -> str:
    return str(result.config_hash)


def _together(row: Row, results: list[RunResult]) -> Measured:
    pairs = [(_stage(row, result), result) for result in results]
    timesteps = [_timesteps(row, stage, result) for stage, result in pairs]
    stages = [stage for stage, _ in pairs]
    read = [*zip(stages, timesteps, strict=True)]
    # Spikes and operations are counted of a whole inference.
    whole = [stage for stage, steps in read if steps == len(stage.accuracy_by_timestep)]
    operations = [stage.operations for stage in whole if stage.operations is not None]
    budgets = {reduced(row, stage, result) for stage, result in pairs} - {""}
    return Measured(
        accuracies=tuple(_accuracy(stage, steps) for stage, steps in read),
        timesteps=timesteps[0],
        spikes_per_neuron=_mean(stage.spikes_per_neuron for stage in whole),
        budget="; ".join(sorted(budgets)),
        marks=_once(mark for stage, result in pairs for mark in _marks(stage, result)),
        energy_joule=_mean(each.energy_joule for each in operations),
        energy_models=_once(each.energy_model for each in operations),
        commits=_once(result.git_commit for result in results),
        machines=_once(machine(result) for result in results),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _once(texts: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def machine(result: RunResult) -> str:
    """The device of a run, for a processor with the number of its threads; empty where it is not
    known.
    """
    device = result.device or ""
    if not device.startswith("cpu") or result.threads is None:
        return device
    return f"{result.threads} thread{'' if result.threads == 1 else 's'} of {device}"


def _marks(stage: StageResult, result: RunResult) -> Iterator[str]:
    yield from stage.flags or ()
    if result.history:
        yield f"history: {result.history}"
    elif (result.git_commit or "").endswith("+changes"):
        yield "made by code that no commit has"


def _stage(row: Row, result: RunResult) -> StageResult | None:
    """The stage of a run that stands for `row`: the one the reference names, or the last of the
    kind the row is about.
    """
    reference = result.last.reference
    if reference is None or row.id not in reference.rows:
        return None
    stages, named = result.stages, (reference.stages or {}).get(row.id)
    if named is not None:
        return stages.get(named)
    spiking = [stage for stage in stages.values() if stage.form != "analog"]
    if re.match(r"ANN\b(?!-)", row.strategy):
        return next((stage for stage in reversed(stages.values()) if stage.form == "analog"), None)
    untrained = [stage for stage in spiking if not stage.epochs]
    converted = untrained if _is_conversion(row) else []
    return next(reversed(converted or spiking), None)


def _is_conversion(row: Row) -> bool:
    return row.strategy.startswith("conversion") and "backpropagation" not in row.strategy


def _timesteps(row: Row, stage: StageResult, result: RunResult) -> int:
    curve = stage.accuracy_by_timestep
    wanted = _wanted(row, result) or len(curve)
    # The row's T may be more than was run, or over before the run's hidden timesteps are.
    return wanted if wanted <= len(curve) and curve[wanted - 1] is not None else len(curve)


def _wanted(row: Row, result: RunResult) -> int | None:
    """The T at which a run answers for the row: the row's, or what the experiment says stands for
    it; None where the row has none.
    """
    if not row.timesteps.isdigit():
        return None
    reference = result.last.reference
    published = int(row.timesteps)
    return (
        reference.read_at if reference.read_at and reference.timesteps == published else published
    )


def _accuracy(stage: StageResult, timesteps: int) -> float:
    curve = stage.accuracy_by_timestep
    return stage.accuracy if timesteps == len(curve) else curve[timesteps - 1]


def reduced(row: Row, stage: StageResult, result: RunResult) -> str:
    """How the run fell short of its experiment's budget as far as `row` is concerned, in words;
    empty if it did not.
    """
    return ", ".join(
        [*_short_of_row(row, stage, result), *_short_of_experiment(row, stage, result)]
    )


def _short_of_row(row: Row, stage: StageResult, result: RunResult) -> Iterator[str]:
    read, wanted = _timesteps(row, stage, result), _wanted(row, result)
    if stage.form != "analog" and wanted is not None and read != wanted:
        yield f"timesteps {read} {'of' if read < wanted else 'in place of'} {wanted}"


def _short_of_experiment(row: Row, stage: StageResult, result: RunResult) -> Iterator[str]:
    for share in result.shares():
        if _concerns(share, row, stage, result):
            yield _words(share, stage)


def _concerns(share: Share, row: Row, stage: StageResult, result: RunResult) -> bool:
    """Whether what a run was given less of bears on the stage that stands for the row: not if it is
    of a later stage.
    """
    if share.kind == "timesteps" and share.stage is None:
        return not row.timesteps.isdigit() and stage.form != "analog"
    names = [*result.stages]
    if share.stage not in names or stage.stage not in names:
        return True
    return names.index(share.stage) <= names.index(stage.stage)


def _words(share: Share, stage: StageResult) -> str:
    if share.kind == "validation":
        return f"{(share.given or 0) - (share.full or 0)} training images held out"
    if share.kind == "debug":
        return "a run to find mistakes"
    if share.kind == "images":
        return f"{share.given} test images"
    return f"{share.name} {_given(share, stage)} of {share.full}"


def _given(share: Share, stage: StageResult) -> int | None:
    """How much there was; results from before they said so have it among what they measured."""
    if share.given is not None or share.stage is not None:
        return share.given
    return {"epochs": stage.epochs, "timesteps": stage.timesteps}.get(share.kind)
