"""Ranges of hyper-parameters as part of their type: `leak: Fraction`. The configuration check reads
them; nothing states them twice.
"""

import math
from dataclasses import dataclass
from typing import Annotated

SMALLEST, LARGEST = 2.0**-126, (2.0 - 2.0**-23) * 2.0**127
"""The ends of what float32 holds in full precision, in which networks compute: beyond them a number
is 0 or infinite there.
"""
WHOLE = 2**63
"""Whole numbers are below it: from here on they are no int64."""


@dataclass(frozen=True)
class Interval:
    """The numbers from `low` to `high` that a network can compute with; an end that is `open` does
    not belong.
    """

    low: float | int = -math.inf
    high: float | int = math.inf
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float | int) -> bool:
        above = self.low < value if self.low_open else self.low <= value
        below = value < self.high if self.high_open else value <= self.high
        return computable(value) and above and below

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"{'>' if self.low_open else '>='} {_end(self.low)}"
        return (
            f"in {'(' if self.low_open else '['}{_end(self.low)}, "
            f"{_end(self.high)}{')' if self.high_open else ']'}"
        )


def computable(value: float | int) -> bool:
    """Whether float32 holds a number, and int64 a whole one; neither holds NaN and infinities."""
    if isinstance(value, int):
        return -WHOLE <= value < WHOLE
    return value == 0 or SMALLEST <= abs(value) <= LARGEST


def _end(value: float | int) -> str:
    return "2^63 - 1" if value == WHOLE - 1 else f"{value:g}"


Positive = Annotated[float, Interval(0.0, low_open=True)]
NonNegative = Annotated[float, Interval(0.0)]
Fraction = Annotated[float, Interval(0.0, 1.0)]
Probability = Annotated[float, Interval(0.0, 1.0, high_open=True)]
Percentile = Annotated[float, Interval(0.0, 100.0, low_open=True)]
Count = Annotated[int, Interval(1.0)]
Natural = Annotated[int, Interval(0.0)]
Seed = Annotated[int, Interval(0, WHOLE - 1)]
