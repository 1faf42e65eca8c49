"""The schedule that changes from batch to batch."""

import pytest
import torch
from torch import nn

from tests.support.options import build_option


def rates(epochs, batches, **changes):
    """The learning rate, 1 at most, at every batch of a training, and that after it."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, seen = (
        build_option("scheduler", "linear", {"epochs": epochs, **changes}, optimizer=optimizer),
        [],
    )
    for _ in range(epochs):
        for batch in range(batches):
            schedule.within(batch / batches)
            seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return [*seen, optimizer.param_groups[0]["lr"]]


def test_straight_down():
    assert rates(2, 4) == pytest.approx([1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0])
    assert rates(2, 2, final=0.2) == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2])


def test_up_and_down():
    assert rates(2, 4, warm_up=0.25, start=0.2) == pytest.approx(
        [0.2, 0.6, 1.0, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0.0]
    )
    assert rates(1, 4, warm_up=1.0, start=0.0) == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])


def test_every_group_has_its_own_rate():
    first, second = (nn.Parameter(torch.zeros(1)) for _ in range(2))
    optimizer = torch.optim.SGD([{"params": [first], "lr": 1.0}, {"params": [second], "lr": 0.1}])
    build_option("scheduler", "linear", {"epochs": 2}, optimizer=optimizer).within(0.5)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.75, 0.075])
