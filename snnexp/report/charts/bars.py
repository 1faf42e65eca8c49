"""Bars, one or several to a category."""

from collections.abc import Iterator
from dataclasses import dataclass

from snnexp.report.charts.base import Chart, Row


@dataclass(frozen=True, kw_only=True)
class Bars(Chart):
    """Bars, one or several to a category; they begin at 0.

    Args:
        what: what a category is, such as `layer`.
        value: what the length of a bar is.
        categories: by name, from the top.
        series: the values of every series in the order of the categories; None where it has none.
        most: the end of the axis; None for what the longest bar asks for.
    """

    what: str
    value: str
    categories: tuple[str, ...]
    series: dict[str, tuple[float | None, ...]]
    most: float | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.what, "series", self.value)

    def rows(self) -> Iterator[Row]:
        for place, category in enumerate(self.categories):
            for label, values in self.series.items():
                yield category, label, values[place]
