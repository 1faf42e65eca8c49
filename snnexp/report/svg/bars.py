"""Bars as SVG: lying, so that there is room for names."""

from collections.abc import Iterator

from snnexp.report.charts.bars import Bars
from snnexp.report.markup import Markup, element
from snnexp.report.svg.canvas import LETTER, WIDTH, drawing, legend, line, words
from snnexp.report.svg.colours import colour
from snnexp.report.svg.scale import Scale, ticks

TOP, THICK, GAP, FIGURES = 26, 11, 7, 44
NAMES = 172
"""Pixels that names may take at most."""


def drawn(chart: Bars) -> Markup:
    """The chart, with its legend below where there are several series."""
    left = 12 + min(NAMES, max((len(name) for name in chart.categories), default=0) * LETTER)
    values = [value for each in chart.series.values() for value in each if value is not None]
    high = chart.most or max([*values, 0.0]) or 1.0
    scale = Scale(0.0, high, left, WIDTH - FIGURES)
    step = THICK * len(chart.series) + GAP
    bottom = TOP + step * len(chart.categories)
    parts = [*_axis(chart, scale, bottom)]
    for place in range(len(chart.categories)):
        parts += _category(chart, place, TOP + place * step + GAP / 2, scale)
    marks = [(label, _mark(number)) for number, label in enumerate(chart.series)]
    below, height = legend(marks, bottom + 26) if len(marks) > 1 else ([], 0)
    return drawing(chart, bottom + 28 + height, [*parts, *below])


def _axis(chart: Bars, scale: Scale, bottom: float) -> Iterator[Markup]:
    yield words(6, 14, chart.value, "dim")
    for tick in ticks(0.0, scale.high, 4):
        x = scale(tick)
        yield line([(x, TOP), (x, bottom)], "grid")
        yield words(x, bottom + 14, f"{tick:g}", "dim middle")


def _category(chart: Bars, place: int, y: float, scale: Scale) -> Iterator[Markup]:
    name, thick = chart.categories[place], THICK * len(chart.series)
    yield words(scale.start - 6, y + thick / 2 + 4, name, "right", scale.start - 10)
    for number, (label, values) in enumerate(chart.series.items()):
        value, top = values[place], y + number * THICK
        if value is None:
            continue
        said = f"{name}, {label}: {value:.4g}" if label else f"{name}: {value:.4g}"
        wide = max(scale(min(value, scale.high)) - scale.start, 0.8)
        bar = element(
            "rect",
            element("title", said),
            x=scale.start,
            y=top + 0.5,
            width=wide,
            height=float(THICK - 1),
            class_=colour(number, "f"),
        )
        yield bar
        yield words(scale.start + wide + 4, top + THICK - 1.5, f"{value:.3g}", "dim")


def _mark(number: int) -> Markup:
    return element("rect", x=-6, y=-5, width=12, height=10, class_=colour(number, "f"))
