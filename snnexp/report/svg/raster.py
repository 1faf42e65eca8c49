"""Spikes over time as SVG."""

from collections.abc import Iterator

from snnexp.report.charts.raster import Band, Raster
from snnexp.report.markup import Markup, element
from snnexp.report.svg.canvas import WIDTH, drawing, words
from snnexp.report.svg.colours import colour
from snnexp.report.svg.scale import Scale, ticks

LEFT, RIGHT, HEAD, ROW = 12, WIDTH - 12, 20, 5
"""Pixels: of the axis from left to right, above a layer, and of a neuron."""


def drawn(chart: Raster) -> Markup:
    """The chart, layer below layer."""
    across, top = Scale(0.5, chart.timesteps + 0.5, LEFT, RIGHT), 4.0
    parts: list[Markup] = []
    for number, band in enumerate(chart.bands):
        parts += _band(band, number, across, top)
        top += HEAD + ROW * len(band.neurons)
    parts += time(across, top, chart.timesteps)
    return drawing(chart, top + 40, parts)


def time(across: Scale, top: float, timesteps: int) -> Iterator[Markup]:
    """The axis below."""
    for tick in ticks(1, timesteps, 8, 1.0):
        yield words(across(tick), top + 16, f"{tick:g}", "dim middle")
    yield words(WIDTH / 2, top + 33, "timestep", "dim middle")


def _band(band: Band, number: int, across: Scale, top: float) -> Iterator[Markup]:
    count = sum(map(len, band.spikes))
    said = f"{band.name}: {count} spikes of {len(band.neurons)} neurons"
    yield words(LEFT, top + 13, said, "dim", RIGHT - LEFT)
    frame = ROW * len(band.neurons)
    yield element("rect", x=LEFT, y=top + HEAD - 2, width=RIGHT - LEFT, height=frame, class_="grid")
    marks = [
        f"M{across(step) - wide:.1f} {top + HEAD - 2 + ROW * (row + 0.5):g}h{2 * wide:.1f}"
        for row, spikes in enumerate(band.spikes)
        for step in spikes
        for wide in [min((across(2) - across(1)) * 0.4, 14)]
    ]
    if marks:
        look = colour(number, "k")
        yield element("path", d="".join(marks), class_=look, stroke_width=3, fill="none")
