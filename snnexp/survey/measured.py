"""What recorded runs say about a published row."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean, stdev
from typing import Any

from snnexp.files.hints import fits
from snnexp.limits import Natural
from snnexp.survey.recorded import Result
from snnexp.survey.rows import Row
from snnexp.survey.verdict import verdict

Block = dict[str, Any]


@dataclass(frozen=True)
class Measured:
    """All runs of one configuration that stand for one row, together.

    Args:
        accuracies: top-1 accuracy in percent of each run, at the row's T.
        timesteps: T at which they were read.
        spikes_per_neuron: mean over the runs; None for analog networks, and where T is not the whole inference that was counted.
        budget: what was reduced against the experiment, in words; empty for full runs.
        marks: what the accuracy should not be read without: flags of the runs, and that no commit, or today's code, gives them again.
    """

    accuracies: tuple[float, ...]
    timesteps: int
    spikes_per_neuron: float | None
    budget: str
    marks: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Mean accuracy in percent."""
        return fmean(self.accuracies)

    @property
    def std(self) -> float | None:
        """Standard deviation over the runs; None for one run."""
        return stdev(self.accuracies) if len(self.accuracies) > 1 else None


def measured(row: Row, results: list[Result]) -> Measured | None:
    """The runs that stand for `row`: of one configuration, a full one before reduced ones, then one that answers by the row's T, then the
    one run most often, then the best.

    None where there are none.
    """
    standing = sorted((result for result in results if _block(row, result)), key=_configuration)
    groups = [_together(row, [*group]) for _, group in groupby(standing, _configuration)]
    longest = int(row.timesteps) if row.timesteps.isdigit() else math.inf
    return max(groups, key=lambda group: (not group.budget, group.timesteps <= longest, len(group.accuracies), group.mean), default=None)


def status(row: Row, found: Measured | None) -> str:
    """`reproduced`, `below`, `above`, `partial`, `not run`, or `no figure` where the survey states none."""
    if found is None:
        return "not run"
    if found.budget:
        return "partial"
    if not row.accuracy:
        return "no figure"
    return verdict(found.accuracies, float(row.accuracy))


def _configuration(result: Result) -> str:
    return str(result.get("config_hash"))


def _together(row: Row, results: list[Result]) -> Measured:
    blocks = [_block(row, result) for result in results]
    timesteps = [_timesteps(row, block, result) for block, result in zip(blocks, results, strict=True)]
    accuracies = [_accuracy(block, steps) for block, steps in zip(blocks, timesteps, strict=True)]
    counted = [
        block.get("spikes_per_neuron")
        for block, steps in zip(blocks, timesteps, strict=True)
        if steps == len(block["accuracy_by_timestep"])
    ]
    spikes = [each for each in counted if each is not None]
    budget = "; ".join(sorted({reduced(row, block, result) for block, result in zip(blocks, results, strict=True)} - {""}))
    marks = dict.fromkeys(mark for block, result in zip(blocks, results, strict=True) for mark in _marks(block, result))
    return Measured(tuple(accuracies), timesteps[0], fmean(spikes) if spikes else None, budget, tuple(marks))


def _marks(block: Block, result: Result) -> Iterator[str]:
    yield from block.get("flags") or ()
    if result.get("history"):
        yield f"history: {result['history']}"
    elif str(result.get("git_commit") or "").endswith("+changes"):
        yield "made by code that no commit has"


def _block(row: Row, result: Result) -> Block | None:
    """The stage of a run that stands for `row`: the one the reference names, or the last of the kind the row is about."""
    if row.id not in result["reference"].get("rows", ()):
        return None
    blocks, named = result["stages"], (result["reference"].get("stages") or {}).get(row.id)
    if named is not None:
        return blocks.get(named)
    spiking = [block for block in blocks.values() if block.get("form") != "analog"]
    if re.match(r"ANN\b(?!-)", row.strategy):
        return next((block for block in reversed(blocks.values()) if block.get("form") == "analog"), None)
    untrained = [block for block in spiking if not block.get("epochs")]
    converted = untrained if row.strategy.startswith("conversion") and "backpropagation" not in row.strategy else []
    return next(reversed(converted or spiking), None)


def _timesteps(row: Row, block: Block, result: Result) -> int:
    curve = block["accuracy_by_timestep"]
    wanted = _wanted(row, result) or len(curve)
    # The row's T may be more than was run, or over before the run's hidden timesteps are.
    return wanted if wanted <= len(curve) and curve[wanted - 1] is not None else len(curve)


def _wanted(row: Row, result: Result) -> int | None:
    """The T at which a run answers for the row: the row's, or what the experiment says stands for it; None where the row has none."""
    if not row.timesteps.isdigit():
        return None
    reference = result["reference"]
    published = int(row.timesteps)
    return reference["read_at"] if reference.get("read_at") and reference.get("timesteps") == published else published


def _accuracy(block: Block, timesteps: int) -> float:
    curve = block["accuracy_by_timestep"]
    return float(block["accuracy"] if timesteps == len(curve) else curve[timesteps - 1])  # JSON of others may say 98


def reduced(row: Row, block: Block, result: Result) -> str:
    """How the run fell short of its experiment's budget as far as `row` is concerned, in words; empty if it did not."""
    return ", ".join([*_short_of_row(row, block, result), *_short_of_experiment(row, block, result)])


def _short_of_row(row: Row, block: Block, result: Result) -> Iterator[str]:
    read, wanted = _timesteps(row, block, result), _wanted(row, result)
    if block.get("form") != "analog" and wanted is not None and read != wanted:
        yield f"timesteps {read} {'of' if read < wanted else 'in place of'} {wanted}"


def _short_of_experiment(row: Row, block: Block, result: Result) -> Iterator[str]:
    given = result.get("given_budget") or {}
    for name, full in (result.get("full_budget") or {}).items():
        if _concerns(name, row, block, result):
            yield _words(name, _given(name, given, block, result), full)


def _concerns(name: str, row: Row, block: Block, result: Result) -> bool:
    if name == "timesteps":
        return not row.timesteps.isdigit() and block.get("form") != "analog"
    stage, names = name.partition(".")[0], [*result["stages"]]
    return stage not in names or block.get("stage") not in names or names.index(stage) <= names.index(block["stage"])


def _given(name: str, *said: dict[str, Any]) -> int | None:
    return next((each[name] for each in said if fits(each.get(name), Natural)), None)


def _words(name: str, given: int | None, full: int | None) -> str:
    if name == "dataset.validation":
        return f"{(given or 0) - (full or 0)} training images held out"
    if name == "evaluate.images":
        return f"{given} test images"
    return f"{name} {given} of {full}"
