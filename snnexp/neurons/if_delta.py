"""Integrate-and-fire neuron on a grid of times, with one spike."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from snnexp.cell import State, at_rest
from snnexp.limits import Positive
from snnexp.neurons.base import Neuron
from snnexp.neurons.once import Once


class IFDelta(Neuron):
    """Adds weights up as spikes arrive and fires once, one timestep after the sum exceeds the
    threshold.

        u(t) = sum_i w_i  over t_i < t                                          charge
        t_out = first timestep t with u(t) > threshold                          fire

    The time of the spike has no derivative; in its place stand dt_out/du = -1 and the time-blind
    dt_out/dt_i = w_i of the authors. A neuron that does not fire counts as forced to at the
    horizon, where it sends nothing but gets its gradient. As a cell it takes steps: fire; u <- u +
    x.

    Source: Kheradpisheh & Masquelier 2020 S4NN (survey [63]).

    Args:
        threshold: potential that has to be exceeded, > 0.
        horizon: spikes at this time or later count as never, > 0.
        step: length of a timestep, > 0; arriving spikes lie on multiples of it.
        surrogate: potential minus threshold to spikes, for training through time; the timed form
            does not need it.
    """

    kind = "if_delta"
    monotone = True
    forced = True
    windowed = False

    def __init__(
        self, threshold: Positive, horizon: Positive, step: Positive, surrogate: nn.Module
    ):
        super().__init__()
        self.threshold, self.horizon, self.step_length = threshold, horizon, step
        self.once = Once(threshold, surrogate)

    def initial(self, x: Float[Tensor, "B *n"]) -> State:
        return at_rest(x), at_rest(x, 1.0)

    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *n"], State]:
        u, waiting = state
        at = (u == self.threshold).to(u.dtype)  # the threshold itself is not enough
        s, _ = self.once(u, waiting * (1 - at))
        return s, (u + x, torch.where(s.detach() > 0, torch.zeros_like(waiting), waiting))

    # The timed form, as in if_exp.py.

    def factors(self, t: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """What a spike adds to the two sums per unit of weight, of which this neuron has one."""
        return torch.ones_like(t), torch.zeros_like(t)

    def slopes(self, t: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """What stands for the derivatives of `factors` by `t`: with dt_out/du = -1 it makes
        dt_out/dt_i = w_i.
        """
        return -torch.ones_like(t), torch.zeros_like(t)

    def potential(
        self, s0: Float[Tensor, "*n"], s1: Float[Tensor, "*n"], t: Float[Tensor, "..."]
    ) -> Float[Tensor, "*n"]:
        """The potential at `t`, of the sums over the inputs until then."""
        return s0

    def reaches(
        self,
        s0: Float[Tensor, "*n"],
        s1: Float[Tensor, "*n"],
        start: Float[Tensor, "..."],
        end: Float[Tensor, "..."],
    ) -> Bool[Tensor, "*n"]:
        """Whether the sum exceeds the threshold since `start`."""
        return (s0 > self.threshold) & (end > start)

    def solve(
        self, s0: Float[Tensor, "*n"], s1: Float[Tensor, "*n"], start: Float[Tensor, "*n"]
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """Time of the spike, and what stands for its derivatives by the two sums, and by the
        potential (negated).
        """
        ones = torch.ones_like(s0)
        return start + self.step_length, -ones, torch.zeros_like(s0), ones
