"""Whether measured accuracies are those that were published."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

WITHIN = 0.5
"""Points from the published accuracy within which a single run counts as the same: about the spread
of two runs.
"""
FROM = 3
"""Runs from which their own deviation decides."""
CONFIDENCE = 0.95


def verdict(accuracies: Sequence[float], published: float) -> str:
    """`reproduced`, `below` or `above`.

    From three runs on the published figure is compared with the confidence interval of their mean,
    by Student's t:

        |mean - published| <= t(0.975, n - 1) s / sqrt(n)    reproduced

    Fewer runs say nothing of their spread: their mean is reproduced within half a point. What is
    published is one number, most often of one run whose own spread is not known, so that few runs
    that hardly differ can be `below` by less than that spread: n and the deviation always stand
    beside the verdict.

    Args:
        accuracies: of runs with different seeds, in percent; at least one.
        published: accuracy in percent.

    Source: Student, The probable error of a mean, Biometrika 1908.
    """
    off = fmean(accuracies) - published
    # Accuracies are shown, and published, with two decimals: what is less than half of the last is
    # no difference.
    if abs(off) <= max(_half_width(accuracies), 0.005):
        return "reproduced"
    return "above" if off > 0 else "below"


def _half_width(accuracies: Sequence[float]) -> float:
    n = len(accuracies)
    if n < FROM:
        return WITHIN
    from scipy.stats import t  # takes half a second

    return float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * stdev(accuracies) / math.sqrt(n)
