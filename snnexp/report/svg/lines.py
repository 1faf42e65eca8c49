"""Curves and points as SVG."""

import math
from collections.abc import Iterator

from snnexp.report.charts.lines import Lines, Place, Series
from snnexp.report.lines import in_units
from snnexp.report.markup import Markup, element
from snnexp.report.svg.canvas import LETTER, WIDTH, area, drawing, legend, line, words
from snnexp.report.svg.colours import COUNT, colour
from snnexp.report.svg.scale import Scale, powers, ticks

LEFT, RIGHT, TOP, BOTTOM = 46, WIDTH - 12, 26, 226
MOST = 300
"""Points of a curve that are drawn."""
DOTS = 40
"""Points of a curve up to which each has a dot."""


def drawn(chart: Lines) -> Markup:
    """The chart, with its legend below."""
    across, up = _scales(chart)
    marked = [(series.label, _mark(series)) for series in chart.series if series.label]
    below, height = legend(_once(marked), BOTTOM + 44)
    parts = [*_axes(chart, across, up)]
    for series in chart.series:
        parts += _series(series, chart, across, up)
    return drawing(chart, BOTTOM + 48 + height, [*parts, *below])


def _once(entries: list[tuple[str, Markup]]) -> list[tuple[str, Markup]]:
    return [*dict(entries).items()]


def _scales(chart: Lines) -> tuple[Scale, Scale]:
    places = [place for series in chart.series for place in series.places]
    x = [place.x for series in chart.series if not series.level for place in series.places]
    ys = [y for place in places for y in (place.y, place.low, place.high) if y is not None]
    low, high = _padded(min(ys), max(ys), chart.percent)
    return _across(x or [1.0, 2.0], chart), Scale(low, high, BOTTOM, TOP)


def _across(values: list[float], chart: Lines) -> Scale:
    low, high = min(values), max(values)
    if chart.logarithmic:
        edge = (high / low) ** 0.04 if high > low else 1.5
        return Scale(low / edge, high * edge, LEFT, RIGHT, True)
    edge = (high - low) * 0.04 or (0.5 if chart.whole else abs(high) * 0.5 or 1.0)
    return Scale(low - edge, high + edge, LEFT, RIGHT)


def _padded(low: float, high: float, percent: bool) -> tuple[float, float]:
    edge = (high - low) * 0.08 or max(abs(high) * 0.05, 0.5)
    low, high = low - edge, high + edge
    return (max(low, 0.0), min(high, 100.0)) if percent else (low, high)


def _axes(chart: Lines, across: Scale, up: Scale) -> Iterator[Markup]:
    yield words(6, 14, chart.y, "dim")
    for tick in ticks(up.low, up.high):
        y = up(tick)
        yield line([(LEFT, y), (RIGHT, y)], "grid")
        yield words(LEFT - 6, y + 4, f"{tick:g}", "dim right")
    taken = -math.inf
    for tick in _across_ticks(chart, across):
        x, said = across(tick), in_units(tick, chart.unit).strip() if chart.unit else f"{tick:g}"
        half = len(said) * LETTER / 2
        if x - half > taken and x + half < WIDTH:
            yield line([(x, BOTTOM), (x, BOTTOM + 4)], "grid")
            yield words(x, BOTTOM + 17, said, "dim middle")
            taken = x + half + 6
    yield words((LEFT + RIGHT) / 2, BOTTOM + 34, chart.x, "dim middle")


def _across_ticks(chart: Lines, scale: Scale) -> list[float]:
    if scale.logarithmic:
        return powers(scale.low, scale.high, 2 if chart.whole else 10)
    return ticks(scale.low, scale.high, 7, 1.0 if chart.whole else 0.0)


def _series(series: Series, chart: Lines, across: Scale, up: Scale) -> Iterator[Markup]:
    if series.level:
        y = up(series.places[0].y)
        yield element(
            "g",
            element("title", f"{series.label}: {series.places[0].y:.2f}"),
            line([(LEFT, y), (RIGHT, y)], f"curve thin {_look(series)}"),
        )
        return
    yield from _band(series, across, up)
    if series.look not in ("points", "hollow"):
        yield _curve(series, across, up)
    if len(series.places) <= DOTS and series.look not in ("dotted", "steps"):
        yield from (_dot(place, series, chart, across, up) for place in series.places)


def _look(series: Series) -> str:
    """The classes of a curve: colour, and dash; a series beyond the colours has another one."""
    dash: str = series.look if series.look in ("dashed", "dotted") else ""
    if series.look == "line" and series.colour is not None and series.colour >= COUNT:
        dash = "other"
    return f"{colour(series.colour, 'k')} {dash}".strip()


def _curve(series: Series, across: Scale, up: Scale) -> Markup:
    places = [(across(place.x), up(place.y)) for place in _fewer(series.places)]
    if series.look == "steps":
        corners = zip(places, places[1:], strict=False)
        places = [
            *places[:1],
            *(corner for one, other in corners for corner in ((other[0], one[1]), other)),
        ]
    thin = "thin " if series.look != "line" else ""
    return line(places, f"curve {thin}{_look(series)}")


def _fewer(places: tuple[Place, ...]) -> list[Place]:
    """As many as can be told apart; the last among them."""
    every = -(-len(places) // MOST)
    return [*places[:-1:every], *places[-1:]]


def _band(series: Series, across: Scale, up: Scale) -> Iterator[Markup]:
    """From the lowest to the highest over seeds: an area behind a curve, a bar behind a point."""
    spread = [
        (across(place.x), up(place.low), up(place.high))
        for place in _fewer(series.places)
        if place.low is not None and place.high is not None and place.low < place.high
    ]
    if series.look in ("points", "hollow"):
        for x, low, high in spread:
            yield line([(x, low), (x, high)], f"curve thin {colour(series.colour, 'k')}")
    elif spread:
        edge = [(x, high) for x, _, high in spread] + [(x, low) for x, low, _ in reversed(spread)]
        yield area(edge, f"band {colour(series.colour, 'f')}")


def _dot(place: Place, series: Series, chart: Lines, across: Scale, up: Scale) -> Markup:
    x = in_units(place.x, chart.unit).strip() if chart.unit else f"{place.x:.6g}"
    said = f"{series.label}: {chart.y} {place.y:.4g} at {chart.x} {x}"
    mark = _shape(series, 4.5 if series.look in ("points", "hollow") else 2.8)
    moved = f"translate({across(place.x):.1f} {up(place.y):.1f})"
    return element("g", element("title", said), mark, transform=moved)


def _shape(series: Series, size: float) -> Markup:
    if series.look == "hollow":
        return element("circle", r=size, class_=f"hollow {colour(series.colour, 'k')}")
    fill = colour(series.colour, "f")
    if series.look == "points" and series.colour is not None and series.colour >= COUNT:
        return element("rect", x=-size, y=-size, width=2 * size, height=2 * size, class_=fill)
    return element("circle", r=size, class_=fill)


def _mark(series: Series) -> Markup:
    """The mark of a series in a legend."""
    if series.look in ("points", "hollow"):
        return _shape(series, 4.5)
    thin = "thin " if series.look != "line" else ""
    return line([(-11, 0), (11, 0)], f"curve {thin}{_look(series)}")
