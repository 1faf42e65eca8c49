"""Counts of pairs of classes as SVG."""

from collections.abc import Iterator

from snnexp.report.charts.heat import Heat
from snnexp.report.markup import Markup, element
from snnexp.report.svg.canvas import LETTER, WIDTH, drawing, words

TOP = 44
NUMBERS = 12
"""Classes up to which there is room for counts."""
NAMED = 40
"""Classes up to which there is room for their names."""


def drawn(chart: Heat) -> Markup:
    """The chart: what is right in the first colour, each mistake in the second."""
    count = len(chart.names)
    longest = max(map(len, chart.names)) if count <= NAMED else 0
    left = 14 + min(90, longest * LETTER)
    size = min((WIDTH - left - 8) / count, 30)
    parts = [words(6, 14, "rows: class, columns: answer", "dim")]
    parts += _names(chart, left, size) if count <= NAMED else []
    parts += _cells(chart, left, size)
    return drawing(chart, TOP + size * count + 8, parts)


def _names(chart: Heat, left: float, size: float) -> Iterator[Markup]:
    for place, name in enumerate(chart.names):
        middle = size * (place + 0.5)
        if size >= 9:
            yield words(left - 6, TOP + middle + 4, name, "right", left - 10)
            yield words(left + middle, TOP - 6, name, "dim middle", size)


def _cells(chart: Heat, left: float, size: float) -> Iterator[Markup]:
    worst = max((_mistakes(chart)), default=1) or 1
    side = size * len(chart.names)
    yield element("rect", x=left, y=TOP, width=side, height=side, class_="grid")
    for row, counts in enumerate(chart.counts):
        for column, count in enumerate(counts):
            if count:
                share = count / sum(counts) if row == column else 0.25 + 0.75 * count / worst
                yield from _cell(chart, (row, column), left, size, share)


def _mistakes(chart: Heat) -> Iterator[int]:
    for row, counts in enumerate(chart.counts):
        yield from (count for column, count in enumerate(counts) if column != row)


def _cell(
    chart: Heat, place: tuple[int, int], left: float, size: float, share: float
) -> Iterator[Markup]:
    row, column = place
    count = chart.counts[row][column]
    said = f"class {chart.names[row]}, answer {chart.names[column]}: {count}"
    x, y = left + column * size, TOP + row * size
    yield element(
        "rect",
        element("title", said),
        x=x + 0.5,
        y=y + 0.5,
        width=size - 1,
        height=size - 1,
        class_="f0" if row == column else "f1",
        fill_opacity=f"{0.85 * share:.2f}",
    )
    if len(chart.names) <= NUMBERS:
        look = "middle on" if share > 0.7 else "middle"
        yield words(x + size / 2, y + size / 2 + 4, count, look)
