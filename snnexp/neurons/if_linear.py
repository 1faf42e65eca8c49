"""Integrate-and-fire neuron with a synaptic current that stays, and one spike."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from snnexp.cell import State, at_rest
from snnexp.limits import Positive
from snnexp.neurons.base import Neuron
from snnexp.neurons.once import Once


class IFLinear(Neuron):
    """Integrates synaptic currents that last, so that every spike adds a ramp, and fires once.

        u(t) = sum_i w_i (t - t_i)  over t_i <= t                               charge
        t_out = (threshold + sum w_i t_i) / sum w_i                      fire, sums over t_i < t_out

    As a cell it takes steps of `step`, exact between them: u <- u + step j; fire; j <- j + x.

    Source: Zhang 2020 (survey [61]), Sakemi 2020 (survey [62]).

    Args:
        threshold: potential at which the spike is fired, > 0, in units of weight times time.
        horizon: spikes at this time or later count as never, > 0.
        step: length of a timestep where the neuron runs in discrete time, > 0.
        surrogate: potential minus threshold to spikes, for training through time; exact times do
            not need it.
    """

    kind = "if_linear"
    monotone = True
    forced = False
    windowed = False

    def __init__(
        self, threshold: Positive, horizon: Positive, step: Positive, surrogate: nn.Module
    ):
        super().__init__()
        self.threshold, self.horizon, self.step_length = threshold, horizon, step
        self.once = Once(threshold, surrogate)

    def initial(self, x: Float[Tensor, "B *n"]) -> State:
        return at_rest(x), at_rest(x), at_rest(x, 1.0)

    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *n"], State]:
        u, j, waiting = state
        u = u + self.step_length * j
        s, waiting = self.once(u, waiting)
        return s, (u, j + x, waiting)

    # The timed form, as in if_exp.py.

    def factors(self, t: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """What a spike at `t` adds to the two sums per unit of weight: 1 and t."""
        return torch.ones_like(t), t

    def slopes(self, t: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """Derivatives of `factors` by `t`."""
        return torch.zeros_like(t), torch.ones_like(t)

    def potential(
        self, s0: Float[Tensor, "*n"], s1: Float[Tensor, "*n"], t: Float[Tensor, "..."]
    ) -> Float[Tensor, "*n"]:
        """The potential at `t`, of the sums over the inputs until then."""
        return s0 * t - s1

    def reaches(
        self,
        s0: Float[Tensor, "*n"],
        s1: Float[Tensor, "*n"],
        start: Float[Tensor, "..."],
        end: Float[Tensor, "..."],
    ) -> Bool[Tensor, "*n"]:
        """Whether the potential, below the threshold at `start`, is at it by `end`, if nothing
        arrives in between.
        """
        return end * s0 - s1 >= self.threshold

    def solve(
        self, s0: Float[Tensor, "*n"], s1: Float[Tensor, "*n"], start: Float[Tensor, "*n"]
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """Time of the crossing, its derivatives by the two sums, and by the potential (negated)."""
        late = 1 / s0.clamp(min=torch.finfo(s0.dtype).tiny)
        t = (self.threshold + s1) * late
        return t, -t * late, late, late
