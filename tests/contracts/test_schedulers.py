"""The schedules that change from batch to batch."""

from functools import partial

import pytest
import torch
from torch import nn

from snnexp.schedulers.linear import Linear
from snnexp.schedulers.warm_up import WarmUp
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


def test_one_cycle_is_that_of_torch():
    settings = {"max_lr": 1.0, "epochs": 2, "steps_per_epoch": 10, "pct_start": 0.3}
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    published = torch.optim.lr_scheduler.OneCycleLR(optimizer, **settings, cycle_momentum=False)
    for step in range(20):
        # Torch has the highest and the lowest rate a step earlier: it counts the steps between.
        x = 0.3 * step / 5 if step <= 5 else 0.3 + 0.7 * (step - 5) / 14
        made = build_option("scheduler", "one_cycle", {"epochs": 2}, optimizer=fresh())
        assert made.factor(x) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        if step < 19:
            published.step()


def fresh() -> torch.optim.Optimizer:
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)


def warmed(optimizer, behind, epochs=10, warm_up=0.2, start=0.1) -> WarmUp:
    return WarmUp(optimizer, epochs, warm_up, start, behind)


BEHIND = {
    "cosine": partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=10),
    "milestones": partial(torch.optim.lr_scheduler.MultiStepLR, milestones=[1, 6], gamma=0.1),
    "linear": partial(Linear, epochs=10, warm_up=0.0, start=1.0, final=0.0),
}


@pytest.mark.parametrize("name", BEHIND)
def test_a_warm_up_multiplies_what_comes_behind(name):
    one, other = fresh(), fresh()
    warm, alone = warmed(one, BEHIND[name]), BEHIND[name](optimizer=other)
    for epoch in range(10):
        for batch in range(4):
            done = epoch + batch / 4
            warm.within(batch / 4)
            if hasattr(alone, "within"):
                alone.within(batch / 4)
            factor = min(1.0, 0.1 + 0.9 * done / 2)
            wanted = factor * other.param_groups[0]["lr"]
            assert one.param_groups[0]["lr"] == pytest.approx(wanted, rel=1e-12)
        for optimizer, schedule in ((one, warm), (other, alone)):
            optimizer.step()
            schedule.step()


def test_a_warm_up_goes_on_where_it_was():
    one = fresh()
    warm = warmed(one, BEHIND["cosine"])
    one.step()
    warm.step()
    warm.within(0.5)
    other = fresh()
    again = warmed(other, BEHIND["cosine"])
    again.load_state_dict(warm.state_dict())
    other.load_state_dict(one.state_dict())
    for optimizer, schedule in ((one, warm), (other, again)):
        optimizer.step()
        schedule.step()
        schedule.within(0.25)
    assert one.param_groups[0]["lr"] == other.param_groups[0]["lr"] > 0
