"""What came of runs against a setting in which they differ, drawn: a sweep as a picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from snnexp.files.visible import one_line
from snnexp.report.comparison import Line, Run, differing
from snnexp.report.curves import COLOURS, DASHES, picture
from snnexp.report.labels import OF_ONE_RUN
from snnexp.report.outcomes import MEASURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNITS = {"_bytes": "B", "_joule": "J", "_seconds": "s"}
"""By the end of the name of a field."""
WIDE = 20
"""Ratio of the ends of an axis from which it is logarithmic."""


class NothingToDraw(Exception):
    """The runs do not differ in the setting, or say nothing of what is to be shown."""


@dataclass(frozen=True)
class Curve:
    """One line of a picture: what all its runs share beside the setting, and by its values the
    mean, smallest and largest outcome over the seeds.
    """

    label: str
    points: Mapping[Any, tuple[float, float, float]]


def drawn(runs: list[Run], form: str, along: str, shown: list[str]) -> bytes:
    """A picture as a file of `form`, with a panel for each field of the result in `shown`.

    Runs that differ in other settings are lines of their own, those that differ in the seed alone
    are one line of means between the smallest and the largest.

    Raises:
        NothingToDraw: the runs do not differ in `along`, or none has a number under a name of
            `shown`.
        NoMatplotlib: it is not installed.
    """
    panels = {field: curves(runs, along, field) for field in shown}
    size = (7.2, 1.4 + 3.0 * len(panels))
    return picture(lambda figure: _draw(figure, panels, along), size, form)


def curves(runs: list[Run], along: str, field: str) -> list[Curve]:
    """The lines of one panel, those of runs that have the outcome."""
    lines = {line.name: line for line in differing(runs)}
    if along not in lines:
        known = ", ".join(sorted(lines)) or "nothing"
        raise NothingToDraw(f"--along {along}: the runs do not differ in it, but in {known}")
    others = [name for name, line in lines.items() if name != along and _tells(line)]
    grouped: dict[str, dict[Any, list[float]]] = {}
    for number, run in enumerate(runs):
        place, outcome = lines[along].values[number], run.result.value(field)
        if place is not None and isinstance(outcome, int | float):
            label = ", ".join(
                f"{one_line(name)} {one_line(str(lines[name].values[number]))}" for name in others
            )
            grouped.setdefault(label, {}).setdefault(place, []).append(float(outcome))
    if not grouped:
        raise NothingToDraw(
            f"--show {field}: no run has a number under this name; docs/result.md lists the fields"
        )
    return [Curve(label, _ordered(points)) for label, points in grouped.items()]


def _tells(line: Line) -> bool:
    """Whether a setting tells curves apart. One that only some runs have is of a component, whose
    name says it.
    """
    return line.name not in OF_ONE_RUN and None not in line.values


def _ordered(points: dict[Any, list[float]]) -> dict[Any, tuple[float, float, float]]:
    numbers = all(isinstance(place, int | float) for place in points)
    places = sorted(points) if numbers else [*points]
    return {
        place: (fmean(points[place]), min(points[place]), max(points[place])) for place in places
    }


def _draw(figure: "Figure", panels: dict[str, list[Curve]], along: str) -> None:
    every = figure.subplots(len(panels), squeeze=False)[:, 0]
    for axes, (field, found) in zip(every, panels.items(), strict=True):
        for number, curve in enumerate(found):
            _line(axes, curve, number)
        _label(axes, field)
        axes.grid(True, color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        _scale(axes, [place for curve in found for place in curve.points])
    every[-1].set(xlabel=along)
    handles, names = every[0].get_legend_handles_labels()
    if any(names):
        figure.legend(
            handles, names, loc="outside lower center", ncols=2, frameon=False, fontsize="small"
        )


def _label(axes: "Axes", field: str) -> None:
    from matplotlib.ticker import EngFormatter

    words = MEASURES[field][0] if field in MEASURES else field
    axes.set(ylabel=f"{words} (%)" if words.startswith("accuracy") else words)
    for unit in (unit for end, unit in UNITS.items() if field.endswith(end)):
        axes.yaxis.set_major_formatter(EngFormatter(unit))


def _line(axes: "Axes", curve: Curve, number: int) -> None:
    places = [place if isinstance(place, int | float) else str(place) for place in curve.points]
    means, lowest, highest = zip(*curve.points.values(), strict=True)
    colour = COLOURS[number % len(COLOURS)]
    dash = DASHES[number // len(COLOURS) % len(DASHES)]
    axes.plot(
        places, means, color=colour, linestyle=dash, marker="o", markersize=3.5, label=curve.label
    )
    if lowest != highest:
        axes.fill_between(places, lowest, highest, color=colour, alpha=0.15, linewidth=0)


def _scale(axes: "Axes", places: list[Any]) -> None:
    """Logarithmic where the values reach far, with the values themselves as its ticks."""
    if not all(isinstance(place, int | float) for place in places):
        return
    values = sorted(set(places))
    if values[0] > 0 and values[-1] / values[0] >= WIDE:
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xticks(values, labels=[f"{value:g}" for value in values])
