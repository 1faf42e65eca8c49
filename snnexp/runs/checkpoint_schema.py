"""What a checkpoint holds, as far as a run that goes on reads it: types, before anything of it is
used.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from snnexp.files.documents import parsed, parsed_yaml
from snnexp.files.foreign import Unreadable
from snnexp.files.hints import fits, shown, words
from snnexp.limits import Natural, NonNegative
from snnexp.results.fault import fault_of_stage

FIRST: dict[str, Any] = {"records": Natural}
SECOND: dict[str, Any] = {"metrics": str, "config": str}
"""What the forms 1 and 2 have beside what both have."""
SHARED: dict[str, Any] = {"classes": list[str], "seconds": NonNegative, "network": dict[str, Any]}
COURSE: dict[str, Any] = {"epoch": Natural}
WITHIN: dict[str, Any] = {
    "batch": Natural | None,
    "sums": dict[str, Any],
    "own": list[dict[str, Any]],
}
ENDED: dict[str, Any] = {
    "network": dict[str, Any],
    "block": dict[str, Any],
    "trained": list[dict[str, Any]],
}
TRAINED: dict[str, Any] = {"network": dict[str, Any], "shown": dict[str, Any]}


def fault(state: Mapping[str, Any], ended: bool) -> str | None:
    """The first thing for which `state` is not what a run has kept, in the course of a stage or at
    its end, in words; None if it is.
    """
    return next(_faults(state, ended), None)


def is_record(line: str) -> bool:
    """Whether a line is one of the records of a run."""
    try:
        return isinstance(parsed("metrics.jsonl", line.encode()), dict)
    except Unreadable:
        return False


def _faults(state: Mapping[str, Any], ended: bool) -> Iterator[str]:
    needed = (SECOND if "schema" in state else FIRST) | (ENDED if ended else COURSE)
    yield from (f"{key}: missing" for key in needed if key not in state)
    yield from _misfits(state, SHARED | FIRST | SECOND | (ENDED if ended else COURSE | WITHIN))
    if "config" in state:
        yield from _configuration(state["config"])
    *lines, rest = state.get("metrics", "").split("\n")
    if rest or not all(map(is_record, lines)):
        yield "metrics: expected records of a run"
    yield from _at_the_end(state) if ended else _within(state)


def _misfits(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    for key in (key for key in schema if key in node):
        if not fits(node[key], schema[key]):
            yield f"{key}: expected {words(schema[key])}, got {shown(node[key])}"


def _configuration(text: str) -> Iterator[str]:
    try:
        found = parsed_yaml("config", text.encode())
    except Unreadable as error:
        yield f"config: {error.why}"
    else:
        if not isinstance(found, dict | None):
            yield f"config: expected a mapping, got {shown(found)}"


def _within(state: Mapping[str, Any]) -> Iterator[str]:
    if not all(isinstance(each, int | float) for each in state.get("sums", {}).values()):
        yield f"sums: expected numbers, got {shown(state['sums'])}"
    for random in (each.get("random", []) for each in state.get("own", [])):
        if not fits(random, list[Tensor]) or any(each.dtype != torch.uint8 for each in random):
            yield "own: expected states of random generators"


def _at_the_end(state: Mapping[str, Any]) -> Iterator[str]:
    block = state["block"]
    wrong = fault_of_stage(block)
    if wrong or not fits(block.get("epochs"), Natural):
        yield f"block: not the result of a stage ({wrong or 'epochs: expected a whole number'})"
    for each in state["trained"]:
        yield from (f"trained: {key}: missing" for key in TRAINED if key not in each)
        yield from (f"trained: {said}" for said in _misfits(each, TRAINED))
