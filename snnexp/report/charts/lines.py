"""Curves and points on two axes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from snnexp.report.charts.base import Chart, Row

Look = Literal["line", "dashed", "dotted", "points", "hollow", "steps"]
"""How a series is drawn; `steps` is a front, level until the next point."""


@dataclass(frozen=True)
class Place:
    """A point, and how far its value reaches over several seeds."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Series:
    """What belongs together.

    Args:
        label: its name.
        places: in the order of x.
        colour: number of its colour; None for that of text.
        look: as `Look` says.
        level: whether it is one value at every x.
    """

    label: str
    places: tuple[Place, ...]
    colour: int | None
    look: Look = "line"
    level: bool = False


@dataclass(frozen=True, kw_only=True)
class Lines(Chart):
    """Curves and points on two axes.

    Args:
        x, y: what the axes are.
        unit: of x, such as J.
        logarithmic: whether x is.
        whole: whether x are whole numbers.
        percent: whether y cannot leave 0 to 100.
    """

    x: str
    y: str
    series: tuple[Series, ...]
    unit: str = ""
    logarithmic: bool = False
    whole: bool = False
    percent: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        return ("series", self.x, self.y, "low", "high")

    def rows(self) -> Iterator[Row]:
        for series in self.series:
            for place in series.places:
                x = None if series.level else place.x
                yield series.label, x, place.y, place.low, place.high
