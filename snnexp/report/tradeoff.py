"""Accuracy against what it costs, drawn: spikes or energy of an image, a point for each run."""

from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from snnexp.report.along import NothingToDraw
from snnexp.report.comparison import Run
from snnexp.report.curves import COLOURS, picture
from snnexp.report.labels import seeds_together

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COSTS = {
    "spikes": ("spikes_per_neuron", "spikes per neuron and image", ""),
    "energy": ("operations.energy_joule", "energy per image", "J"),
}
"""By what is typed: the field of a result, what it is in words, and its unit."""
MARKERS = "osv^DPX*"
WIDE = 20
"""Ratio of the ends of the axis from which it is logarithmic."""


class Spread(NamedTuple):
    """Mean, lowest and highest of runs that differ in the seed alone."""

    mean: float
    low: float
    high: float


class Point(NamedTuple):
    """What runs that differ in the seed alone cost and come to."""

    label: str
    cost: Spread
    accuracy: Spread
    seeds: int


def drawn(runs: list[Run], form: str, cost: str) -> bytes:
    """A picture of the accuracy of the runs against a cost of `COSTS`, as a file of `form`; bars
    reach from the lowest to the highest over seeds.

    Raises:
        NothingToDraw: no run says what it costs.
        NoMatplotlib: it is not installed.
    """
    found = points(runs, cost)
    if not found:
        raise NothingToDraw(f"--against {cost}: no run has a number of {COSTS[cost][1]}")
    return picture(lambda figure: draw(figure, found, cost), (7.2, 4.6), form)


def points(runs: list[Run], cost: str) -> list[Point]:
    """A point for each configuration that says what it costs."""
    found = []
    for label, group in seeds_together(runs).items():
        costs = [_number(run.result.value(COSTS[cost][0])) for run in group]
        known = [value for value in costs if value is not None]
        if len(known) == len(group):
            accuracies = [run.result.last.accuracy for run in group]
            found.append(Point(label, _spread(known), _spread(accuracies), len(group)))
    return found


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _spread(values: list[float]) -> Spread:
    return Spread(fmean(values), min(values), max(values))


def draw(figure: "Figure", found: list[Point], cost: str) -> None:
    """Draws the points into an empty figure."""
    axes = figure.subplots()
    for number, point in enumerate(found):
        _point(axes, point, number)
    axes.set(xlabel=COSTS[cost][1], ylabel="test accuracy (%)")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    _scale(axes, [point.cost.mean for point in found], COSTS[cost][2])
    columns = 1 if max(len(point.label) for point in found) > 44 else 2
    figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize="small")


def _point(axes: "Axes", point: Point, number: int) -> None:
    across, along = (
        [[spread.mean - spread.low], [spread.high - spread.mean]]
        for spread in (point.cost, point.accuracy)
    )
    bars = {"xerr": across, "yerr": along, "capsize": 3, "elinewidth": 1.0}
    axes.errorbar(
        point.cost.mean,
        point.accuracy.mean,
        linestyle="none",
        markersize=7,
        color=COLOURS[number % len(COLOURS)],
        marker=MARKERS[number // len(COLOURS) % len(MARKERS)],
        label=point.label if point.seeds == 1 else f"{point.label} ({point.seeds} seeds)",
        **(bars if point.seeds > 1 else {}),
    )


def _scale(axes: "Axes", costs: list[float], unit: str) -> None:
    from matplotlib.ticker import EngFormatter

    if max(costs) / min(costs) >= WIDE:
        axes.set_xscale("log")
    if unit:
        axes.xaxis.set_major_formatter(EngFormatter(unit))
