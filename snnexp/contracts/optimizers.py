"""What optimizers promise."""

import copy

import torch
from torch import nn

from snnexp.contracts.drives import Build, noise, require


def weights() -> nn.Parameter:
    """A matrix, whose squared distance from 0 is to fall."""
    return nn.Parameter(noise(6, 5))


def _step(optimizer: torch.optim.Optimizer, weight: nn.Parameter) -> None:
    optimizer.zero_grad()
    weight.square().sum().backward()
    optimizer.step()


def goes_down_the_gradient(build: Build) -> None:
    weight = weights()
    optimizer, before = build(params=[weight]), weight.detach().clone()
    _step(optimizer, weight)
    down = ((weight.detach() - before) * before).sum() < 0
    require(weight.isfinite().all() and down, "its step does not go down the gradient")


def goes_on_from_what_it_has_kept(build: Build) -> None:
    one, other = weights(), weights()
    first = build(params=[one])
    _step(first, one)
    other.data.copy_(one)
    second = build(params=[other])
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    _step(first, one)
    _step(second, other)
    require(torch.equal(one, other), "loaded from its state, it takes another step")


def leaves_alone_what_has_no_gradient(build: Build) -> None:
    weight = weights()
    before = weight.detach().clone()
    build(params=[weight]).step()
    require(torch.equal(weight, before), "a parameter without a gradient changes")


PROMISES = (
    goes_down_the_gradient,
    goes_on_from_what_it_has_kept,
    leaves_alone_what_has_no_gradient,
)
