"""Integrate-and-fire neuron that listens in one window of time and answers in the next."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from snnexp.cell import State, at_rest
from snnexp.limits import Positive
from snnexp.neurons.base import Neuron
from snnexp.neurons.once import Once


class ConstantSlope(Neuron):
    """Adds up ramps while its inputs fire, then rises with slope 1 to its threshold, and fires once
    at most.

        window of the inputs    du/dt = sum_i w_i over t_i <= t             t from 0 to horizon
        own window             du/dt = 1, fires where u = horizon          t from 0 to horizon again
        t_out = horizon - sum_i w_i (horizon - t_i) - horizon b

    So x = (horizon - t) / horizon, the value of a spike at t, goes from layer to layer as through a
    ReLU, x_out = max(0, sum_i w_i x_i + b). A sum above 1 fires at once; the bias b is a spike at
    time 0. An image takes a window more than there are layers; times are counted from the beginning
    of a layer's own.

    As a cell it takes steps of `step`: for horizon / step of them it listens, then it answers at
    the timestep nearest to t_out, for which its threshold is lower by step / 2: values are then
    rounded, where waiting for the next timestep would take half a step off them in every layer.

    Source: Stanojevic 2022, 2024 ("B1"), beyond the survey.

    Args:
        horizon: length of a window, > 0; of a neuron that has not fired by then the value is 0.
        step: length of a timestep where the neuron runs in discrete time, > 0.
        surrogate: potential minus threshold to spikes, for training through time; exact times do
            not need it.
    """

    kind = "constant_slope"
    monotone = True
    forced = False
    windowed = True

    def __init__(self, horizon: Positive, step: Positive, surrogate: nn.Module):
        super().__init__()
        self.threshold, self.horizon, self.step_length = horizon, horizon, step
        self.once = Once(horizon, surrogate)

    def initial(self, x: Float[Tensor, "B *n"]) -> State:
        return at_rest(x), at_rest(x), at_rest(x), at_rest(x, 1.0)

    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *n"], State]:
        u, j, now, waiting = state
        window = round(self.horizon / self.step_length)
        listening, answering = now < window, (now >= window) & (now < 2 * window)
        j = torch.where(listening, j + x, torch.ones_like(j))
        s, still = self.once(u + self.step_length / 2, waiting)
        s, waiting = (
            torch.where(answering, s, torch.zeros_like(s)),
            torch.where(answering, still, waiting),
        )
        return s, (u + self.step_length * j, j, now + 1, waiting)

    # The timed form, as in if_exp.py; s1 is not used.

    def factors(self, t: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """What a spike at `t` adds to the potential at the end of its window, per unit of
        weight.
        """
        return self.horizon - t, torch.zeros_like(t)

    def slopes(self, t: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """Derivatives of `factors` by `t`."""
        return -torch.ones_like(t), torch.zeros_like(t)

    def potential(
        self, s0: Float[Tensor, "*n"], s1: Float[Tensor, "*n"], t: Float[Tensor, "..."]
    ) -> Float[Tensor, "*n"]:
        """The potential at `t` of the own window."""
        return s0 + t

    def reaches(
        self,
        s0: Float[Tensor, "*n"],
        s1: Float[Tensor, "*n"],
        start: Float[Tensor, "..."],
        end: Float[Tensor, "..."],
    ) -> Bool[Tensor, "*n"]:
        """Whether the potential is at the threshold by `end`."""
        return s0 + end >= self.horizon

    def solve(
        self, s0: Float[Tensor, "*n"], s1: Float[Tensor, "*n"], start: Float[Tensor, "*n"]
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """Time of the crossing, its derivatives by the two sums, and by the potential (negated);
        none for one above it from the start.
        """
        slope = (s0 <= self.horizon).to(s0.dtype)
        return self.horizon - s0, -slope, torch.zeros_like(s0), torch.ones_like(s0)
