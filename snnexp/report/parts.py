"""What stands in a report: words, tables, pictures. All text is plain; pages escape it."""

from dataclasses import dataclass

from snnexp.report.charts.base import Chart


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Missing:
    """What is not shown, why, and how it would be."""

    text: str


@dataclass(frozen=True)
class Alert:
    """Something without which a result should not be read: of which run, and what it is."""

    run: str
    text: str


@dataclass(frozen=True)
class Grid:
    """A table.

    Args:
        head: names of the columns; the first column names the rows.
        rows: cells.
        folded: words under which it is folded away at first; None for an open table.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    folded: str | None = None


@dataclass(frozen=True)
class Code:
    """Something to be typed, and a word on what it gives."""

    about: str
    command: str


@dataclass(frozen=True)
class Figure:
    """A chart, and the kind of plot that it is one of."""

    kind: str
    chart: Chart


Part = Words | Missing | Alert | Grid | Code | Figure


@dataclass(frozen=True)
class Block:
    """A part of a report under a title of its own."""

    name: str
    title: str
    parts: tuple[Part, ...]

    def figures(self, kind: str) -> list[Chart]:
        """Its charts of a kind."""
        return [part.chart for part in self.parts if isinstance(part, Figure) and part.kind == kind]
