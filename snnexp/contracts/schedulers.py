"""What schedulers promise."""

import copy
import math

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from snnexp.contracts.drives import Build, require

EPOCHS = 20
"""Those of the default configuration."""


def begun(build: Build) -> tuple[torch.optim.Optimizer, LRScheduler]:
    """At the beginning of a training, with rates of 1 and 0.1."""
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": rate} for rate in (1.0, 0.1)]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    return optimizer, build(optimizer=optimizer)


def epochs(optimizer: torch.optim.Optimizer, schedule: LRScheduler, count: int) -> list[list]:
    """The rates of the groups after each of so many epochs."""
    seen = []
    for _ in range(count):
        optimizer.step()
        schedule.step()
        seen.append([group["lr"] for group in optimizer.param_groups])
    return seen


def has_a_rate_for_every_group_at_every_epoch(build: Build) -> None:
    for rates in epochs(*begun(build), EPOCHS):
        sound = all(math.isfinite(rate) and rate >= 0 for rate in rates)
        require(sound, f"a learning rate is negative or not finite: {rates}")
        require(math.isclose(rates[0], 10 * rates[1], abs_tol=1e-9), "groups share a rate")


def goes_on_from_what_it_has_kept(build: Build) -> None:
    first = begun(build)
    epochs(*first, 3)
    second = begun(build)
    for one, other in zip(first, second, strict=True):
        other.load_state_dict(copy.deepcopy(one.state_dict()))
    same = epochs(*first, 3) == epochs(*second, 3)
    require(same, "loaded from its state, it has other rates")


PROMISES = (has_a_rate_for_every_group_at_every_epoch, goes_on_from_what_it_has_kept)
