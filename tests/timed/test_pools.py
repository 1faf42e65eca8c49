"""Pools and dropout of spike times."""

import math

import pytest
import torch
from torch import nn

from snnexp.timed.pools import Silencing, TimePool


def test_pools_take_the_first_or_the_last_spike():
    x = (
        torch.tensor([[1.0, 2.0, 3.0, math.inf], [0.5, 4.0, math.inf, math.inf]])
        .view(1, 1, 1, 2, 4)
        .requires_grad_()
    )
    first, last = (TimePool(nn.MaxPool2d(2), spike)(x) for spike in ("first", "last"))
    assert first.flatten().tolist() == [0.5, 3.0] and last.flatten().tolist() == [4.0, math.inf]
    first.sum().backward()
    assert x.grad.flatten().tolist() == [0, 0, 1, 0, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("pool", "first", "last"),
    [
        (
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            [1, 3],
            [3, math.inf],
        ),  # the second window hangs over the edge
        (nn.MaxPool2d(3, stride=1, padding=1), [1, 1, 2, 3], [2, 3, math.inf, math.inf]),
    ],
)
def test_pools_leave_out_what_lies_beyond_the_edge(pool, first, last):
    x = torch.tensor([1.0, 2.0, 3.0, math.inf]).expand(1, 1, 1, 3, 4)
    found = [TimePool(pool, spike)(x)[0, 0, 0, 0].tolist() for spike in ("first", "last")]
    assert found == [first, last]


def test_dropout_silences_in_training_only():
    drop, x = Silencing(0.5), torch.ones(1, 4, 1000)
    kept = drop(x).isfinite().float().mean()
    assert (
        0.4 < kept < 0.6
        and set(drop(x).unique().tolist()) == {1.0, math.inf}
        and drop.eval()(x) is x
    )
