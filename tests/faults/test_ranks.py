"""Ranks are exact: a percentile that falls on a value is that value."""

from fractions import Fraction

import pytest
import torch

from snnexp.ranks import between, nearest
from snnexp.thresholds.ann_percentile import AnnPercentile
from snnexp.thresholds.base import Layer
from snnexp.thresholds.nearest_rank import nearest_rank


@pytest.mark.fault(
    "A: ranks", "99.9 percent of 1000, and every other percentile that falls on a value"
)
def test_whole_multiples_are_not_rounded_up(happened):
    assert nearest(99.9, 1000) == 999 and nearest_rank(torch.arange(1.0, 1001.0), 99.9) == 999.0
    for tenths in range(1, 1001):
        for count in (1000, 2000, 7000, 123_000):
            assert nearest(tenths / 10, count) == tenths * count // 1000
    happened("the very value, for all percentiles in steps of 0.1")


@pytest.mark.parametrize(
    "percentile, count, rank",
    [
        (99.9, 1001, 1000),
        (99.99, 10_000, 9999),
        (100.0, 7, 7),
        (0.001, 7, 1),
        (50, 5, 3),
        (99.7, 1000, 997),
    ],
)
def test_by_hand(percentile, count, rank):
    assert nearest(percentile, count) == rank


def test_ranks_between_values():
    assert [between(each, 1001) for each in (0.1, 99.9, 50, Fraction(1, 2))] == [2, 1000, 501, 6]


@pytest.mark.fault("A: ranks", "a percentile that is lowered from layer to layer")
def test_decrements_do_not_add_up_errors(happened):
    layer = Layer(
        "x", 45, torch.nn.Identity(), (), 0.0
    )  # 99.9 - 45 x 0.02 = 99.0, in floating point a little less
    assert AnnPercentile(99.9, 0.02)(torch.arange(1.0, 1001.0), layer) == 990.0
    happened("exact at every depth")
