"""Integrate-and-fire neuron that can take spikes back."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.cell import at_rest
from snnexp.limits import Natural, Positive
from snnexp.neurons.base import Neuron

State = tuple[Tensor, Tensor, int]


class SignedFlush(Neuron):
    """Neuron without leak whose negative spikes take back what it sent too early, so that in the
    end order does not matter.

        u = v + x                                                               charge
        s = 1[u >= threshold] - 1[u <= -threshold and c > 0]                   fire, t < flush_after
        s = 1[u >= threshold / 2] - 1[u < -threshold / 2 and c > 0]          flush, t >= flush_after
        v = u - threshold s,  c = c + s                                    reset, spikes sent in all

    When all input is in and the neuron is at rest after the flush, c = max(0, floor(sum x /
    threshold + 1/2)), whatever the order in which the input came: the quantised activation of an
    artificial neuron. One spike per timestep at most, so this takes as many timesteps as spikes are
    left. The flush may begin while input still comes; it costs spikes that are taken back.

    Source: Thiele 2020 (survey [45]); the flush, which makes its equivalence exact, is not part of
    the paper.

    Args:
        threshold: what a spike stands for, > 0, in units of the input current.
        flush_after: timesteps after which half the threshold suffices, >= 0.
    """

    settles: ClassVar[bool] = True

    def __init__(self, threshold: Positive, flush_after: Natural):
        super().__init__()
        self.threshold = threshold
        self.flush_after = flush_after

    def initial(self, x: Float[Tensor, "B *n"]) -> State:
        return at_rest(x), at_rest(x), 0

    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *n"], State]:
        v, count, time = state
        u = v + x
        flush = time >= self.flush_after
        limit = self.threshold / 2 if flush else self.threshold
        too_much = torch.lt(u, -limit) if flush else torch.le(u, -limit)  # half way is rounded up
        s = (u >= limit).to(u.dtype) - (too_much & (count > 0)).to(u.dtype)
        return s, (u - self.threshold * s, count + s, time + 1)
