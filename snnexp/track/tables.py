"""Tables of a run with the same columns in every run, so that those of several can be put together:
the first columns say which run and stage a row is of.
"""

import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from snnexp.results.run import RunResult
from snnexp.results.stage import StageResult
from snnexp.track.headline import figures

Row = tuple[Any, ...]
WHICH = ("run", "experiment", "strategy", "seed", "stage", "is_last")
MEASURES = (
    *("accuracy", "spikes_per_neuron", "spikes_per_inference"),
    *("energy_joule", "train_seconds", "evaluate_seconds"),
)


class Table(NamedTuple):
    """Named columns and rows of plain values."""

    columns: tuple[str, ...]
    rows: list[Row]


def tables(result: RunResult, run: str) -> dict[str, Table]:
    """Accuracy by timestep, firing by layer, energy by model, early exits, and the stages of the
    run called `run`.
    """
    kinds = {
        "accuracy_by_timestep": (("timestep", "accuracy", "timestep_is"), _timesteps),
        "layers": (
            ("depth", "layer", "neurons", "timesteps", "spikes_per_neuron", "rate"),
            _layers,
        ),
        "energies": (
            ("model", "timestep", "accuracy", "joule", "ann_joule", "ann_bits", "ann_bits_joule"),
            _energies,
        ),
        "exits": (
            (*("rule", "threshold", "learned", "accuracy", "timesteps", "early"), "joules"),
            _exits,
        ),
        "stages": (("form", "epochs", "timesteps", *MEASURES), _stage),
    }
    stages = result.stages or {str(result.last.stage): result.last}
    return {
        kind: Table(
            (*WHICH, *columns),
            [
                (*_which(run, stage), name, name == [*stages][-1], *row)
                for name, stage in stages.items()
                for row in rows(stage)
            ],
        )
        for kind, (columns, rows) in kinds.items()
    }


def _which(run: str, stage: StageResult) -> Row:
    return run, stage.experiment, stage.strategy, stage.seed


def _timesteps(stage: StageResult) -> Iterator[Row]:
    for step, accuracy in enumerate(stage.accuracy_by_timestep, start=1):
        if accuracy is not None:
            yield step, accuracy, stage.timestep_is


def _layers(stage: StageResult) -> Iterator[Row]:
    for depth, (name, layer) in enumerate((stage.spikes_by_layer or {}).items(), start=1):
        spikes, steps = layer.spikes_per_neuron, stage.timesteps_per_layer or stage.timesteps
        rate = None if spikes is None or not steps else spikes / steps
        yield depth, name, layer.neurons, steps, spikes, rate


def _energies(stage: StageResult) -> Iterator[Row]:
    """By every model: of every timestep, where that is known, else of the last one."""
    for model, energy in (stage.energies or {}).items():
        curve = energy.joule_by_timestep or [energy.joule]
        first = (stage.timesteps or len(curve)) - len(curve) + 1
        accuracies = stage.accuracy_by_timestep
        for step, joule in enumerate(curve, start=first):
            bits = None if energy.ann_bits is None else math.ceil(math.log2(step + 1))
            beside = (energy.ann_joule_by_bits or {}).get(str(bits))
            accuracy = accuracies[step - 1] if step <= len(accuracies) else stage.accuracy
            yield model, step, accuracy, joule, energy.ann_joule, bits, beside


def _exits(stage: StageResult) -> Iterator[Row]:
    for row in stage.exits or []:
        known = row.rule, row.threshold, row.learned, row.accuracy, row.timesteps, row.early
        yield *known, json.dumps(row.joule)


def _stage(stage: StageResult) -> Iterator[Row]:
    found = figures(stage)
    measures = (None if found.get(key) is None else float(found[key]) for key in MEASURES)
    yield stage.form, stage.epochs, stage.timesteps, *measures
