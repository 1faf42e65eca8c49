"""Charts as PNG, which matplotlib draws."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from snnexp.report.charts.bars import Bars
from snnexp.report.charts.base import Chart
from snnexp.report.charts.heat import Heat
from snnexp.report.charts.lines import Lines, Series
from snnexp.report.charts.raster import Raster
from snnexp.report.charts.traces import Traces
from snnexp.report.curves import picture
from snnexp.report.svg.colours import COUNT, LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = 7.2
"""Inches."""
DASHES = {"dashed": "--", "dotted": ":"}


def as_png(charts: Sequence[Chart]) -> bytes:
    """Charts one below the other as a file.

    Raises:
        NoMatplotlib: it is not installed.
    """
    panels = [panel for chart in charts for panel in _panels(chart)]
    heights = [height for _, height in panels]

    def draw(figure: "Figure") -> None:
        every = figure.subplots(len(panels), squeeze=False, height_ratios=heights)[:, 0]
        for axes, (paint, _) in zip(every, panels, strict=True):
            paint(axes)
            axes.spines[["top", "right"]].set_visible(False)

    return picture(draw, (WIDE, sum(heights)), "png")


def _panels(chart: Chart) -> list[tuple[Any, float]]:
    """What paints each panel of a chart, and its height in inches."""
    match chart:
        case Lines():
            return [(lambda axes: _lines(axes, chart), 4.4 + 0.1 * len(chart.series))]
        case Bars():
            bars = len(chart.categories) * (0.14 * len(chart.series) + 0.1)
            return [(lambda axes: _bars(axes, chart), 1.4 + bars)]
        case Heat():
            return [(lambda axes: _heat(axes, chart), 5.6)]
        case Raster():
            rows = sum(len(band.neurons) for band in chart.bands)
            return [(lambda axes: _raster(axes, chart), 1.4 + 0.07 * rows)]
        case Traces():
            return [
                (lambda axes, panel=panel: _trace(axes, chart, panel), 1.9)
                for panel in chart.panels
            ]
        case _:
            raise TypeError(f"{type(chart).__name__} cannot be drawn")


def _colour(number: int | None) -> str:
    return LIGHT["ink"] if number is None else LIGHT[f"c{number % COUNT}"]


def _lines(axes: "Axes", chart: Lines) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    for series in chart.series:
        _series(axes, series)
    if chart.logarithmic:
        axes.set_xscale("log", base=2 if chart.whole else 10)
        axes.xaxis.set_major_formatter("{x:g}")
    elif chart.whole:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if chart.unit:
        axes.xaxis.set_major_formatter(EngFormatter(chart.unit))
    axes.set(xlabel=chart.x, ylabel=chart.y, title=chart.title)
    axes.grid(True, color=LIGHT["rule"], linewidth=0.6)
    axes.legend(fontsize="small", frameon=False)


def _series(axes: "Axes", series: Series) -> None:
    colour, dash = _colour(series.colour), DASHES.get(series.look, "-")
    x, y = [place.x for place in series.places], [place.y for place in series.places]
    look = {"color": colour, "label": series.label, "linewidth": 1.6}
    if series.level:
        axes.axhline(y[0], linestyle=dash, **look)
        return
    if series.look in ("points", "hollow"):
        face = "none" if series.look == "hollow" else colour
        look |= {"linestyle": "none", "marker": "o", "markerfacecolor": face}
    elif series.look == "steps":
        look |= {"drawstyle": "steps-post"}
    axes.plot(x, y, **({"linestyle": dash} | look))
    low, high = (
        [math.nan if end is None else end for end in ends]
        for ends in zip(*((place.low, place.high) for place in series.places), strict=True)
    )
    if series.look in ("points", "hollow"):
        axes.vlines(x, low, high, color=colour, linewidth=1.0)
    else:
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


def _bars(axes: "Axes", chart: Bars) -> None:
    thick = 0.8 / len(chart.series)
    for number, (label, values) in enumerate(chart.series.items()):
        places = [place + (number + 0.5) * thick - 0.4 for place in range(len(values))]
        lengths = [math.nan if value is None else value for value in values]
        axes.barh(places, lengths, thick * 0.9, color=_colour(number), label=label or None)
    axes.set_yticks(range(len(chart.categories)), chart.categories)
    axes.invert_yaxis()
    axes.set(xlabel=chart.value, title=chart.title, xlim=(0, chart.most))
    if len(chart.series) > 1:
        _beside(axes)


def _heat(axes: "Axes", chart: Heat) -> None:
    count = len(chart.names)
    axes.imshow([[_cell(chart, row, column) for column in range(count)] for row in range(count)])
    if count <= 40:
        axes.set_xticks(range(count), chart.names, rotation=90)
        axes.set_yticks(range(count), chart.names)
    for row, counts in enumerate(chart.counts):
        for column, value in enumerate(counts):
            if value and count <= 12:
                light = row == column and value > sum(counts) * 0.6
                axes.text(
                    column,
                    row,
                    str(value),
                    ha="center",
                    va="center",
                    color=LIGHT["paper" if light else "ink"],
                )
    axes.set(xlabel="answer", ylabel="class", title=chart.title)


def _cell(chart: Heat, row: int, column: int) -> tuple[float, ...]:
    """Colour of a pair: what is right in the first, each mistake in the second."""
    from matplotlib.colors import to_rgb

    counts = chart.counts[row]
    if not counts[column]:
        return to_rgb(LIGHT["paper"])
    share = 0.85 * counts[column] / sum(counts) if row == column else 0.6
    ink = to_rgb(LIGHT["c0" if row == column else "c1"])
    return tuple(1 - share * (1 - part) for part in ink)


def _raster(axes: "Axes", chart: Raster) -> None:
    from matplotlib.ticker import MaxNLocator

    rows: list[tuple[int, ...]] = []
    names, places = [], []
    for band in chart.bands:
        places.append(len(rows) + len(band.neurons) / 2 - 0.5)
        names.append(band.name)
        rows += band.spikes
    axes.eventplot(rows, linelengths=0.8, linewidths=2.0, colors=LIGHT["c0"])
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set(xlabel="timestep", title=chart.title, xlim=(0.5, chart.timesteps + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _trace(axes: "Axes", chart: Traces, panel: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    for number, trace in enumerate(panel.traces):
        steps = range(1, len(trace.potential) + 1)
        label = f"neuron {trace.neuron}"
        axes.plot(steps, trace.potential, color=_colour(number), linewidth=1.4, label=label)
        at = [trace.potential[step - 1] for step in trace.spikes]
        axes.plot(trace.spikes, at, "^", color=_colour(number), markersize=5)
    if panel.threshold is not None:
        axes.axhline(panel.threshold, color=LIGHT["ink"], linestyle="--", linewidth=1.0)
    axes.set(title=f"{chart.title}: {panel.name}", xlabel="timestep", ylabel="potential")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _beside(axes)


def _beside(axes: "Axes") -> None:
    """A legend that hides nothing."""
    axes.legend(fontsize="small", frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
