"""Axes: where a value stands, and which values are written down."""

import math
from dataclasses import dataclass

STEPS = (1, 2, 2.5, 5, 10)
"""Between two ticks, times a power of ten."""


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high` on pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Where a value stands."""
        low, high, value = (
            map(math.log, (self.low, self.high, value))
            if self.logarithmic
            else (self.low, self.high, value)
        )
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)


def ticks(low: float, high: float, count: int = 6, least: float = 0.0) -> list[float]:
    """About `count` round values from `low` to `high`, at least `least` apart."""
    if high <= low:
        return [low]
    rough = max((high - low) / count, least)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in STEPS if power * factor >= rough * 0.999)
    if least >= 1:
        step = math.ceil(step)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def powers(low: float, high: float, base: int) -> list[float]:
    """The powers of `base` within an axis, or a few round values where there are not two."""
    first = math.ceil(math.log(low, base) - 1e-9)
    last = math.floor(math.log(high, base) + 1e-9)
    every = -(-(last - first + 1) // 9)
    found = [float(base) ** power for power in range(first, last + 1, every)]
    return found if len(found) > 1 else [tick for tick in ticks(low, high) if tick > 0]
