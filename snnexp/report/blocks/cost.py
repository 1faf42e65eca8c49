"""Accuracy against what an image costs: energy, and spikes."""

from collections.abc import Iterator

from snnexp.report.charts.lines import Lines, Place, Series
from snnexp.report.comparison import Run
from snnexp.report.front import front
from snnexp.report.material import Material
from snnexp.report.parts import Block, Figure, Missing, Part, Words
from snnexp.report.tradeoff import COSTS, Point, points

PLOTS = {
    "energy": "accuracy against energy per image, beside the ANN",
    "spikes": "accuracy against spikes per neuron and image",
}
ENDS = 20
"""Ratio of the ends of an axis from which it is logarithmic."""


def block(material: Material) -> Block | None:
    """A picture for each cost of which results tell, and the energy models behind it."""
    parts: list[Part] = []
    for cost in PLOTS:
        found = points(material.runs, cost)
        if found:
            parts.append(Figure(cost, chart(found, material.runs, cost)))
        else:
            parts.append(Missing(f"No run has a number of {COSTS[cost][1]}."))
    models = dict.fromkeys(filter(None, map(_model, material.runs)))
    parts += [Words(f"Energy model: {model}") for model in models]
    return Block("cost", "Accuracy against energy and spikes", tuple(parts))


def _model(run: Run) -> str | None:
    operations = run.result.last.operations
    return None if operations is None else operations.energy_model


def chart(found: list[Point], runs: list[Run], cost: str) -> Lines:
    """A point for each configuration, and the line of those that no other beats."""
    series = [*_front(found), *(_point(point, number) for number, point in enumerate(found))]
    if cost == "energy":
        series += _anns(runs)
    values = [place.x for each in series for place in each.places]
    return Lines(
        title=f"Accuracy against {cost}",
        about=f"Test accuracy at T over {COSTS[cost][1]}, a point for each run.",
        x=COSTS[cost][1],
        y="test accuracy (%)",
        series=tuple(series),
        unit=COSTS[cost][2],
        logarithmic=max(values) / min(values) >= ENDS,
    )


def _point(point: Point, number: int) -> Series:
    label = point.label if point.seeds == 1 else f"{point.label} ({point.seeds} seeds)"
    spread = (point.accuracy.low, point.accuracy.high) if point.seeds > 1 else (None, None)
    return Series(label, (Place(point.cost.mean, point.accuracy.mean, *spread),), number, "points")


def _front(found: list[Point]) -> Iterator[Series]:
    best = front([(point.accuracy.mean, -point.cost.mean) for point in found])
    if len(found) > 2 and len(best) > 1:
        places = [Place(found[n].cost.mean, found[n].accuracy.mean) for n in reversed(best)]
        yield Series("front: no other is as good for less", tuple(places), None, "steps")


def _anns(runs: list[Run]) -> Iterator[Series]:
    """The ANNs beside, of which a result tells accuracy and energy."""
    places = {
        (operations.energy_ann_joule, last.ann_accuracy)
        for last in (run.result.last for run in runs)
        if (operations := last.operations) is not None and last.form != "analog"
    }
    known = sorted((x, y) for x, y in places if x and y is not None)
    if known:
        yield Series("ANN of a run", tuple(Place(x, y) for x, y in known), None, "hollow")
