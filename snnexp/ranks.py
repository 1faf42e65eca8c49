"""Ranks from percentiles, exact: in floating point 99.9 percent of 1000 is a little more than
999.
"""

import math
from fractions import Fraction


def exact(number: int | float | Fraction) -> Fraction:
    """The decimal number that was written, such as 0.999 for the float nearest to it."""
    return number if isinstance(number, Fraction) else Fraction(str(number))


def nearest(percentile: int | float | Fraction, count: int) -> int:
    """ceil(percentile count / 100), from 1 to `count`: how many values lie at or below the
    percentile.
    """
    return min(max(math.ceil(exact(percentile) * count / 100), 1), count)


def between(percentile: int | float | Fraction, count: int) -> int:
    """1 + round(percentile (count - 1) / 100), a half to the even: the rank that linear
    interpolation would round to.
    """
    return 1 + round(exact(percentile) * (count - 1) / 100)
