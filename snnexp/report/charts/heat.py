"""Counts of pairs of classes."""

from collections.abc import Iterator
from dataclasses import dataclass

from snnexp.report.charts.base import Chart, Row


@dataclass(frozen=True, kw_only=True)
class Heat(Chart):
    """How many of a class, by row, were taken for which, by column; what is right stands on the
    diagonal.

    Args:
        names: of the classes.
        counts: a row for each class.
    """

    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return ("class", "answer", "images")

    def rows(self) -> Iterator[Row]:
        for name, row in zip(self.names, self.counts, strict=True):
            for answer, count in zip(self.names, row, strict=True):
                yield name, answer, count
