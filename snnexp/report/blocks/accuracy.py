"""Accuracy against timesteps, beside the ANN and what was published."""

from collections.abc import Iterator
from statistics import fmean

from snnexp.report.charts.lines import Lines, Look, Place, Series
from snnexp.report.comparison import Run
from snnexp.report.curves import published
from snnexp.report.material import Material
from snnexp.report.parts import Block, Figure, Missing, Part, Words

PLOTS = {"accuracy": "accuracy against timesteps, that of the ANN and the published one"}
LONG = 16
"""Timesteps from which the axis is logarithmic: what happens, happens early."""
MOST = 12
"""Curves that one picture takes."""


def block(material: Material) -> Block | None:
    """The picture of all configurations; of many, the best."""
    best = sorted(material.groups.items(), key=_by_accuracy)[:MOST]
    kept = {label: runs for label, runs in material.groups.items() if label in dict(best)}
    parts: list[Part] = []
    if len(kept) < len(material.groups):
        parts.append(Words(f"The {MOST} best of {len(material.groups)} configurations."))
    if any(_curve(runs) for runs in kept.values()):
        parts.append(Figure("accuracy", chart(kept)))
    else:
        parts.append(Missing("No curve: every run is of one timestep."))
    return Block("accuracy", "Accuracy against timesteps", tuple(parts))


def _by_accuracy(group: tuple[str, list[Run]]) -> float:
    return -fmean(run.result.last.accuracy for run in group[1])


def _curve(runs: list[Run]) -> bool:
    return len(runs[0].result.last.accuracy_by_timestep) > 1


def chart(groups: dict[str, list[Run]]) -> Lines:
    """The curves of runs that differ in the seed alone as one, with a band from the lowest to the
    highest.
    """
    series = [
        each
        for number, (label, runs) in enumerate(groups.items())
        for each in _series(runs, label, number)
    ]
    series += _published(groups)
    ends = [place.x for each in series if not each.level for place in each.places]
    return Lines(
        title="Accuracy against timesteps",
        about="Test accuracy read after t timesteps; dashed that of the ANN; rings, or dotted "
        "lines, what was published.",
        x="timesteps t",
        y="test accuracy (%)",
        series=tuple(series),
        logarithmic=max(ends, default=1) > LONG,
        whole=True,
    )


def _series(runs: list[Run], label: str, number: int) -> Iterator[Series]:
    label = label if len(runs) == 1 else f"{label} ({len(runs)} seeds)"
    last = runs[0].result.last
    if last.form == "analog" or not _curve(runs):
        value = fmean(run.result.last.accuracy for run in runs)
        yield Series(f"{label} (T = 1)", (Place(1, value),), number, "dashed", level=True)
    else:
        yield Series(label, tuple(_places(runs)), number)
        yield from _of_ann(runs, label, number)


def _published(groups: dict[str, list[Run]]) -> Iterator[Series]:
    """What was published of the systems that the runs stand for, each once."""
    known: dict[tuple[int | None, float], int] = {}
    for number, runs in enumerate(groups.values()):
        for point in published(runs[0]):
            known.setdefault(point, number)
    for (timesteps, accuracy), number in known.items():
        at = "T not stated" if timesteps is None else f"T = {timesteps}"
        places, level = (Place(timesteps or 1, accuracy),), timesteps is None
        look: Look = "dotted" if level else "hollow"
        yield Series(f"published {accuracy:g} %, {at}", places, number, look, level)


def _places(runs: list[Run]) -> Iterator[Place]:
    curves = [run.result.last.accuracy_by_timestep for run in runs]
    for step, values in enumerate(zip(*curves, strict=True), 1):
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            spread = (min(known), max(known)) if len(known) > 1 else (None, None)
            yield Place(step, fmean(known), *spread)


def _of_ann(runs: list[Run], label: str, number: int) -> Iterator[Series]:
    known = [run.result.last.ann_accuracy for run in runs]
    values = [value for value in known if value is not None]
    if values:
        yield Series(f"ANN of {label}", (Place(1, fmean(values)),), number, "dashed", level=True)
