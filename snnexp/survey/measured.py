"""What recorded runs say about a published row."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from snnexp.survey.rows import Row

REPRODUCED_WITHIN = 0.5
"""Points below the published accuracy up to which a row counts as reproduced."""


@dataclass(frozen=True)
class Measured:
    """All runs that stand for one row, together.

    Args:
        accuracies: top-1 accuracy in percent of each run, at the row's T.
        timesteps: T at which they were read.
        spikes_per_neuron: mean over the runs, for the whole inference; None for analog networks.
        budget: what was reduced against the experiment, in words; empty for full runs.
    """

    accuracies: tuple[float, ...]
    timesteps: int
    spikes_per_neuron: float | None
    budget: str

    @property
    def mean(self) -> float:
        """Mean accuracy in percent."""
        return fmean(self.accuracies)

    @property
    def std(self) -> float | None:
        """Standard deviation over the runs; None for one run."""
        return stdev(self.accuracies) if len(self.accuracies) > 1 else None


def read_results(folders: list[Path]) -> list[dict[str, Any]]:
    """Every result that stands for a row: files `result.json` and, in a folder of recorded runs, other JSON files of that form."""
    found = {path.resolve() for folder in folders for path in folder.rglob("*.json")}
    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(found) if path.name not in ("status.json",)]
    return [each for each in results if isinstance(each, dict) and each.get("stages") and each.get("reference")]


def measured(row: Row, results: list[dict[str, Any]]) -> Measured | None:
    """The runs of `results` that stand for `row`; full runs hide reduced ones. None where there are none."""
    standing = [(block, result) for result in results for block in _blocks(row, result)]
    full = [pair for pair in standing if not reduced(*pair)]
    chosen = full or standing
    if not chosen:
        return None
    readings = [_reading(row, block) for block, _ in chosen]
    spikes = [block["spikes_per_neuron"] for block, _ in chosen if block["spikes_per_neuron"] is not None]
    budget = "" if full else "; ".join(sorted({reduced(*pair) for pair in chosen}))
    return Measured(tuple(accuracy for accuracy, _ in readings), readings[0][1], fmean(spikes) if spikes else None, budget)


def status(row: Row, found: Measured | None) -> str:
    """`reproduced`, `below`, `partial`, `not run`, or `no figure` where the survey states none."""
    if found is None:
        return "not run"
    if not row.accuracy:
        return "no figure"
    if found.mean >= float(row.accuracy) - REPRODUCED_WITHIN:
        return "reproduced"
    return "partial" if found.budget else "below"


def _blocks(row: Row, result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if row.id not in result["reference"]["rows"]:
        return
    stage = (result["reference"].get("stages") or {}).get(row.id)
    blocks = result["stages"]
    if stage is None:
        yield list(blocks.values())[-1]
    elif stage in blocks:
        yield blocks[stage]


def _reading(row: Row, block: dict[str, Any]) -> tuple[float, int]:
    curve = block["accuracy_by_timestep"]
    timesteps = int(row.timesteps) if row.timesteps.isdigit() and int(row.timesteps) <= len(curve) else len(curve)
    return (block["accuracy"] if timesteps == len(curve) else curve[timesteps - 1]), timesteps


def reduced(block: dict[str, Any], result: dict[str, Any]) -> str:
    """How the run fell short of its experiment's budget, in words; empty if it did not."""
    full = result.get("full_budget") or {}
    shortfalls = [f"{key} {block.get(key, result.get(key))} of {wanted}" for key, wanted in full.items()]
    return ", ".join(shortfalls)
