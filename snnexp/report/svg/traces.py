"""Potentials over time as SVG."""

from collections.abc import Iterator

from snnexp.report.charts.traces import Panel, Trace, Traces
from snnexp.report.markup import Markup, element
from snnexp.report.svg.canvas import WIDTH, drawing, legend, line, words
from snnexp.report.svg.colours import colour
from snnexp.report.svg.raster import time
from snnexp.report.svg.scale import Scale, ticks

LEFT, RIGHT, HEAD, HEIGHT, MARK = 46, WIDTH - 12, 22, 84, 5
"""Pixels: of the axes from left to right, above a panel, of a panel, and of a mark of a spike."""


def drawn(chart: Traces) -> Markup:
    """The chart, layer below layer; a spike is a mark above its neuron's potential."""
    timesteps = max(len(trace.potential) for panel in chart.panels for trace in panel.traces)
    across, top = Scale(0.5, timesteps + 0.5, LEFT, RIGHT), 4.0
    parts: list[Markup] = []
    for panel in chart.panels:
        parts += _panel(panel, across, top)
        rows, tall = legend(_entries(panel), top + HEAD + HEIGHT + _marks(panel) + 4)
        parts += rows
        top += HEAD + HEIGHT + _marks(panel) + tall + 10
    return drawing(chart, top + 40, [*parts, *time(across, top, timesteps)])


def _marks(panel: Panel) -> float:
    return (MARK + 2) * len(panel.traces) + 4


def _entries(panel: Panel) -> list[tuple[str, Markup]]:
    return [
        (f"neuron {trace.neuron}", line([(-11, 0), (11, 0)], f"curve {colour(number, 'k')}"))
        for number, trace in enumerate(panel.traces)
    ]


def _panel(panel: Panel, across: Scale, top: float) -> Iterator[Markup]:
    values = [value for trace in panel.traces for value in trace.potential]
    ends = [*values, 0.0, *([] if panel.threshold is None else [panel.threshold])]
    low, high = min(ends), max(ends)
    edge = (high - low) * 0.06 or 1.0
    start = top + HEAD + _marks(panel)
    up = Scale(low - edge, high + edge, start + HEIGHT, start)
    yield words(6, top + 13, panel.name, "dim", RIGHT - 6)
    for tick in ticks(up.low, up.high, 3):
        yield line([(LEFT, up(tick)), (RIGHT, up(tick))], "grid")
        yield words(LEFT - 6, up(tick) + 4, f"{tick:g}", "dim right")
    if panel.threshold is not None:
        level = line(
            [(LEFT, up(panel.threshold)), (RIGHT, up(panel.threshold))], "curve thin ki dashed"
        )
        said = element("title", f"threshold {panel.threshold:.4g}")
        yield element("g", said, level)
    for number, trace in enumerate(panel.traces):
        yield from _trace(trace, number, across, up, top + HEAD + (MARK + 2) * number)


def _trace(trace: Trace, number: int, across: Scale, up: Scale, above: float) -> Iterator[Markup]:
    places = [(across(step), up(value)) for step, value in enumerate(trace.potential, 1)]
    look = colour(number, "k")
    yield line(places, f"curve thin {look}")
    if len(places) <= 16:
        for x, y in places:
            yield element("circle", cx=x, cy=y, r=2.2, class_=colour(number, "f"))
    marks = "".join(f"M{across(step):.1f} {above:.1f}v{MARK}" for step in trace.spikes)
    if marks:
        yield element("path", d=marks, class_=look, stroke_width=2.5, fill="none")
