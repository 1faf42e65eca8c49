"""Any chart as SVG."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from snnexp.report.charts.bars import Bars
from snnexp.report.charts.base import Chart
from snnexp.report.charts.heat import Heat
from snnexp.report.charts.lines import Lines
from snnexp.report.charts.raster import Raster
from snnexp.report.charts.traces import Traces
from snnexp.report.markup import Markup
from snnexp.report.svg import bars, canvas, heat, lines, raster, traces
from snnexp.report.svg.colours import LIGHT

DRAWN: dict[type, Callable[[Any], Markup]] = {
    Lines: lines.drawn,
    Bars: bars.drawn,
    Heat: heat.drawn,
    Raster: raster.drawn,
    Traces: traces.drawn,
}


def drawn(chart: Chart) -> Markup:
    """A chart for a page."""
    return DRAWN[type(chart)](chart)


def as_file(charts: Sequence[Chart], colours: Mapping[str, str] = LIGHT) -> str:
    """Charts one below the other, each with its title, as a file of their own."""
    pictures = [(chart.title, drawn(chart)) for chart in charts]
    return canvas.alone([(title, each, canvas.height(each)) for title, each in pictures], colours)
