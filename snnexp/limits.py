"""Ranges of hyper-parameters as part of their type: `leak: Fraction`. The configuration check reads them; nothing states them twice."""

import math
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Interval:
    """The numbers from `low` to `high`; an end that is `open` does not belong."""

    low: float | int = -math.inf
    high: float | int = math.inf
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float | int) -> bool:
        above = self.low < value if self.low_open else self.low <= value
        below = value < self.high if self.high_open else value <= self.high
        return math.isfinite(value) and above and below

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"{'>' if self.low_open else '>='} {self.low:g}"
        return f"in {'(' if self.low_open else '['}{self.low:g}, {self.high:g}{')' if self.high_open else ']'}"


Positive = Annotated[float, Interval(0.0, low_open=True)]
NonNegative = Annotated[float, Interval(0.0)]
Fraction = Annotated[float, Interval(0.0, 1.0)]
Probability = Annotated[float, Interval(0.0, 1.0, high_open=True)]
Percentile = Annotated[float, Interval(0.0, 100.0, low_open=True)]
Count = Annotated[int, Interval(1.0)]
Natural = Annotated[int, Interval(0.0)]
