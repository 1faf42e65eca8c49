"""What a result file holds, as far as tables and comparisons read it: types, ranges and lengths."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from snnexp.files.hints import fits, shown, words
from snnexp.limits import Count, Interval, Natural, NonNegative

Percent = Annotated[float, Interval(0.0, 100.0)]
LONGEST = 2**17
"""Timesteps of a curve; the longest published inference has 2500."""
MOST = 256
"""Stages of a run, and rows it stands for."""

BLOCK: dict[str, Any] = {
    "accuracy": Percent,
    "accuracy_by_timestep": list[Percent | None],
}
"""What every stage has."""
GIVEN: dict[str, Any] = {
    **dict.fromkeys(("experiment", "strategy", "dataset", "encoder", "neuron", "synapse", "norm", "architecture", "readout"), str | None),
    **dict.fromkeys(("stage", "form", "selection", "config_hash", "git_commit", "device", "precision"), str | None),
    **dict.fromkeys(("epochs", "seed", "parameters", "test_images", "peak_memory_bytes"), Natural | None),
    **dict.fromkeys(("timesteps", "batch_size", "threads", "processes"), Count | None),
    **dict.fromkeys(("ann_accuracy", "validation_accuracy", "accuracy_last", "accuracy_best_test"), Percent | None),
    **dict.fromkeys(("spikes_per_neuron", "spikes_per_inference", "train_seconds", "evaluate_seconds"), NonNegative | None),
    **dict.fromkeys(("test_loss", "gap"), float | None),
    **dict.fromkeys(("reduced", "flags"), list[str] | None),
    **dict.fromkeys(("surrogate", "presimulation", "activation", "loss", "optimizer", "scheduler"), str | None),
    **dict.fromkeys(("threshold", "calibration", "command"), str | None),
    "given_budget": dict[str, Natural | None] | None,
    "full_budget": dict[str, Natural | None] | None,
    "versions": dict[str, str | None] | None,
    "operations": dict[str, float | str | None] | None,
    "reference": dict[str, Any] | None,
}
"""What a result or a stage may have; other keys are read by nobody."""
REFERENCE: dict[str, Any] = {
    "rows": list[str],
    "accuracy": Percent | None,
    "timesteps": Count | None,
    "read_at": Count | None,
    "stages": dict[str, str] | None,
}
OPERATIONS: dict[str, Any] = dict.fromkeys(("mac", "ac", "mac_ann", "energy_joule", "energy_ann_joule"), NonNegative | None)


def fault(found: Any) -> str | None:
    """The first thing for which `found` is not the result of a run, in words; None if it is one."""
    return next(_faults(found), None)


def _faults(found: Any) -> Iterator[str]:
    if not isinstance(found, Mapping):
        yield f"expected a mapping, got {shown(found)}"
        return
    stages = found.get("stages")
    if not isinstance(stages, Mapping) or not 0 < len(stages) <= MOST:
        yield f"stages: expected a mapping with 1 to {MOST} stages, got {shown(stages)}"
        return
    for prefix, block in (("", found), *((f"stages.{name}.", block) for name, block in stages.items())):
        yield from _block(block, prefix)


def _block(block: Any, prefix: str) -> Iterator[str]:
    if not isinstance(block, Mapping):
        yield f"{prefix.removesuffix('.')}: expected a mapping, got {shown(block)}"
        return
    yield from (f"{prefix}{key}: missing" for key in BLOCK if key not in block)
    yield from _values(block, BLOCK | GIVEN, prefix)
    yield from _curve(block.get("accuracy_by_timestep"), f"{prefix}accuracy_by_timestep")
    for name, schema in (("reference", REFERENCE), ("operations", OPERATIONS)):
        if isinstance(block.get(name), Mapping):
            yield from _values(block[name], schema, f"{prefix}{name}.")
    yield from (f"{prefix}{shown(key)}: a key with a dot" for key in block if "." in key)  # would pass for one within another


def _values(node: Mapping[str, Any], schema: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key in (key for key in schema if key in node):
        if not fits(node[key], schema[key]):
            yield f"{prefix}{key}: expected {words(schema[key])}, got {shown(node[key])}"


def _curve(curve: Any, path: str) -> Iterator[str]:
    if isinstance(curve, list) and (not 0 < len(curve) <= LONGEST or curve[-1] is None):
        yield f"{path}: expected 1 to {LONGEST} accuracies of which the last is known, got {len(curve)}"
