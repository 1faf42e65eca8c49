"""Whether what stands in a foreign file is the result of a run."""

from collections.abc import Iterator, Mapping
from typing import Any

from snnexp.files.hints import shown
from snnexp.results import record
from snnexp.results.run import RunResult
from snnexp.results.stage import StageResult

LONGEST = 2**17
"""Timesteps of a curve; the longest published inference has 2500."""
MOST = 256
"""Stages of a run."""
NEEDED = ("accuracy", "accuracy_by_timestep")
"""What results of every age have."""


def fault(found: Any) -> str | None:
    """The first thing for which `found` is not the result of a run, in words; None if it is one."""
    return next(_faults(found), None)


def fault_of_stage(found: Any) -> str | None:
    """The first thing for which `found` is not the result of a stage, in words; None if it is
    one.
    """
    return next(_stage(found, ""), None)


def _faults(found: Any) -> Iterator[str]:
    if not isinstance(found, Mapping):
        yield f"expected a mapping, got {shown(found)}"
        return
    evaluated = "stages" not in found and found.get("changes") is not None
    stages = {} if evaluated else found.get("stages")
    if not isinstance(stages, Mapping) or not (evaluated or 0 < len(stages) <= MOST):
        yield f"stages: expected a mapping with 1 to {MOST} stages, got {shown(stages)}"
        return
    yield from record.faults(RunResult, found)
    yield from _stage(found, "")
    for name, stage in stages.items():
        yield from _stage(stage, f"stages.{name}")


def _stage(found: Any, path: str) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    yield from record.faults(StageResult, found, path)
    yield from (f"{prefix}{key}: missing" for key in NEEDED if key not in found)
    yield from _curve(found.get("accuracy_by_timestep"), f"{prefix}accuracy_by_timestep")
    yield from (
        f"{prefix}{shown(key)}: a key with a dot" for key in found if "." in key
    )  # would pass for one within another


def _curve(curve: Any, path: str) -> Iterator[str]:
    if isinstance(curve, list) and (not 0 < len(curve) <= LONGEST or curve[-1] is None):
        yield (
            f"{path}: expected 1 to {LONGEST} accuracies of which the last is known, got "
            f"{len(curve)}"
        )
