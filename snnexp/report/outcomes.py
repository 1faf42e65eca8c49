"""What runs came to, measure by measure."""

import re
from collections.abc import Callable
from typing import Any

from snnexp.report.comparison import Line, Run
from snnexp.report.lines import in_units
from snnexp.results.run import RunResult
from snnexp.survey.gap import gap


def _percent(value: int | float) -> str:
    return f"{value:.2f} %"


def _points(value: int | float) -> str:
    return f"{value:+.2f}"


def _digits(value: int | float) -> str:
    return f"{value:.3g}"


def _unit(unit: str) -> Callable[[int | float], str]:
    return lambda value: in_units(value, unit).rstrip()


def _seconds(value: int | float) -> str:
    return (
        f"{value:.1f} s"
        if value < 60
        else f"{value / 60:.1f} min"
        if value < 3600
        else f"{value / 3600:.1f} h"
    )


def _list(value: list) -> str:
    return ", ".join(map(str, value))


def _commit(value: str) -> str:
    commit, plus, _ = value.partition("+")
    return f"{commit[:10]}{plus}"


def _started(value: list[str]) -> str:
    return ", ".join(f"{stage} is of another run" for stage in value)


def _started_from(result: RunResult) -> list[str]:
    """The stages that began with what another run had trained, whose time is not this one's."""
    told = re.findall(r"strategy\.stages\.(\w+)\.start=", result.command or "")
    return [key.split(".")[-2] for key in result.started_from or {} if "." in key] or told


MEASURES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "accuracy": ("accuracy", _percent),
    "flags": ("flags", _list),
    "timesteps": ("timesteps", str),
    "validation_accuracy": ("accuracy on validation", _percent),
    "ann_accuracy": ("accuracy of the ANN", _percent),
    "reference.accuracy": ("published accuracy", _percent),
    "reference.timesteps": ("published timesteps", str),
    "gap": ("gap to the published", _points),
    "reduced": ("reduced", _list),
    "spikes_per_neuron": ("spikes per neuron", _digits),
    "spikes_per_inference": ("spikes per image", _unit("")),
    "operations.mac": ("MAC per image", _unit("")),
    "operations.ac": ("AC per image", _unit("")),
    "operations.energy_joule": ("energy, cmos45_float32", _unit("J")),
    "operations.energy_ann_joule": ("of ANN, cmos45_float32", _unit("J")),
    "operations.energy_clocked_joule": ("energy, frames clocked", _unit("J")),
    "timestep_is": ("a timestep is", str),
    "train_seconds": ("training time", _seconds),
    "started_from": ("time not counted", _started),
    "evaluate_seconds": ("evaluation time", _seconds),
    "peak_memory_bytes": ("peak memory", _unit("B")),
}
"""What is always shown where a run has it: name in words, and a value in words, by the name in the
result file.
"""
CIRCUMSTANCES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "selection": ("selection", str),
    "test_loss": ("loss on the test set", _digits),
    "operations.mac_ann": ("MAC of the ANN", _unit("")),
    "parameters": ("parameters", _unit("")),
    "test_images": ("test images", str),
    "device": ("device", str),
    "threads": ("threads", str),
    "processes": ("processes", str),
    "git_commit": ("commit", _commit),
}
"""What is shown where runs differ in it, beside the versions."""
DEFAULT_MODEL = "cmos45_float32"
"""Whose figures stand in `operations`, which results of every age have."""
AROUND = ("device", "threads", "processes", "git_commit", "test_loss")
NOTHING: tuple[Any, ...] = (None, [], {})


def outcomes(runs: list[Run]) -> list[Line]:
    """The measures of the runs, the accuracy after each stage, and the circumstances in which they
    differ.
    """
    measures = [_line(key, runs, *words) for key, words in MEASURES.items()]
    ann = next(line.values for line in measures if line.key == "ann_accuracy")
    packages = sorted({package for run in runs for package in run.result.versions or ()})
    versions = {f"versions.{package}": (package, str) for package in packages}
    around = [_line(key, runs, *words) for key, words in (CIRCUMSTANCES | versions).items()]
    found = [
        *measures[:1],
        *(line for line in _stages(runs) if not _repeats(line.values, ann)),
        *measures[1:],
        *_energies(runs),
        *_exits(runs),
        *(line for line in around if len(set(line.values)) > 1),
    ]
    return [line for line in found if any(value not in NOTHING for value in line.values)]


def _repeats(values: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    return all(value in (None, other) for value, other in zip(values, others, strict=True))


def main_outcomes(lines: list[Line]) -> list[Line]:
    """What runs are compared for, without the circumstances in which they were made."""
    return [
        line for line in lines if line.key not in AROUND and not line.key.startswith("versions")
    ]


def readings(runs: list[Run]) -> list[Line]:
    """The accuracy of the runs read at t = 1, 2, 4, 8, ... and at the last timestep of each; None
    where a run gives none.
    """
    curves = [run.result.last.accuracy_by_timestep for run in runs]
    lengths = [len(curve) for curve in curves]
    if max(lengths) == 1:
        return []
    values = {
        step: tuple(curve[step - 1] if step <= len(curve) else None for curve in curves)
        for step in _steps(lengths)
    }
    return [
        Line(f"t = {step}", read, _percent, f"accuracy_by_timestep.{step}")
        for step, read in values.items()
        if set(read) != {None}
    ]


def _steps(lengths: list[int]) -> list[int]:
    return sorted({2**power for power in range(max(lengths).bit_length())} | set(lengths))


def _line(key: str, runs: list[Run], name: str, words: Callable[[Any], str]) -> Line:
    return Line(name, tuple(_value(key, run.result) for run in runs), words, key)


def _value(key: str, result: RunResult) -> Any:
    """A field of a result. Training time is that of all stages, where the field has that of the
    last.

    A gap is worked out anew: what earlier versions recorded compared accuracies at different T.
    """
    if key == "train_seconds":
        return sum(stage.train_seconds or 0.0 for stage in result.stages.values()) or None
    if key == "started_from":
        return _started_from(result)
    return gap(result.last) if key == "gap" else result.value(key)


def _energies(runs: list[Run]) -> list[Line]:
    """Energy by the other models, and that of the analog network."""
    known = [run.result.last.energies or {} for run in runs]
    names = dict.fromkeys(name for each in known for name in each if name != DEFAULT_MODEL)
    fields = {"joule": "energy", "ann_joule": "of ANN"}
    return [
        Line(
            f"{words}, {name}",
            tuple(getattr(each.get(name), field, None) for each in known),
            _unit("J"),
            f"energies.{name}.{field}",
        )
        for name in names
        for field, words in fields.items()
    ]


def _exits(runs: list[Run]) -> list[Line]:
    """Accuracy and mean timestep of the early exits that were learned on the validation split."""
    known = [{row.rule: row for row in run.result.last.exits or [] if row.learned} for run in runs]
    rules = dict.fromkeys(rule for each in known for rule in each)
    fields = {"accuracy": ("exit by {}", _percent), "timesteps": ("mean t of that exit", _digits)}
    return [
        Line(
            words.format(rule),
            tuple(getattr(each.get(rule), field, None) for each in known),
            form,
            f"exits.{rule}.{field}",
        )
        for rule in rules
        for field, (words, form) in fields.items()
    ]


def _stages(runs: list[Run]) -> list[Line]:
    earlier = dict.fromkeys(name for run in runs for name in [*run.result.stages][:-1])
    return [_line_of_stage(name, runs) for name in earlier]


def _line_of_stage(name: str, runs: list[Run]) -> Line:
    stages = [run.result.stages.get(name) for run in runs]
    accuracies = tuple(None if stage is None else stage.accuracy for stage in stages)
    return Line(f"accuracy after {name}", accuracies, _percent, f"stages.{name}.accuracy")
