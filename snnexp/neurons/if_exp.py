"""Integrate-and-fire neuron with exponential synaptic current and one spike."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from snnexp.cell import State
from snnexp.neurons.decaying import Decaying


class IFExp(Decaying):
    """Integrates exponentially decaying synaptic currents without leak and fires once.

        u(t) = sum_i w_i (1 - exp(-(t - t_i) / tau))  over t_i <= t             charge
        exp(t_out / tau) = sum w_i exp(t_i / tau) / (sum w_i - threshold)
            fire, sums over t_i < t_out

    As a cell it takes steps of `step`, exact between them: u <- u + j (1 - e^(-step / tau)), j <- j
    e^(-step / tau); fire; j <- j + x.

    Source: Mostafa 2018 (survey [34], equations 11-16); Zhou 2021 (survey [64]).

    Args:
        threshold: potential at which the spike is fired, > 0.
        time_constant: tau of the synaptic current, > 0, in the unit of time.
        horizon: spikes at this time or later count as never, > 0, at most 40 tau.
        step: length of a timestep where the neuron runs in discrete time, > 0.
        surrogate: potential minus threshold to spikes, for training through time; exact times do
            not need it.
    """

    kind = "if_exp"
    monotone = True
    forced = False
    windowed = False

    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *n"], State]:
        u, j, waiting = state
        kept = math.exp(-self.step_length / self.time_constant)
        u = u + j * (1 - kept)
        s, waiting = self.once(u, waiting)
        return s, (u, j * kept + x, waiting)

    # The timed form: a weighted sum of `factors` over the inputs so far says everything.

    def factors(self, t: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """What a spike at `t` adds to the two sums per unit of weight: 1 and z = exp(t / tau)."""
        return torch.ones_like(t), torch.exp(t / self.time_constant)

    def slopes(self, t: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """Derivatives of `factors` by `t`."""
        return torch.zeros_like(t), torch.exp(t / self.time_constant) / self.time_constant

    def potential(
        self, s0: Float[Tensor, "*n"], s1: Float[Tensor, "*n"], t: Float[Tensor, "..."]
    ) -> Float[Tensor, "*n"]:
        """The potential at `t`, of the sums over the inputs until then."""
        return s0 - s1 * torch.exp(-t / self.time_constant)

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
        return (
            torch.exp(end / self.time_constant) * (s0 - self.threshold) >= s1
        )  # free of leak: monotone in between

    def solve(
        self, s0: Float[Tensor, "*n"], s1: Float[Tensor, "*n"], start: Float[Tensor, "*n"]
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """Time of the crossing, its derivatives by the two sums, and by the potential (negated)."""
        over = (s0 - self.threshold).clamp(min=torch.finfo(s0.dtype).tiny)
        t = self.time_constant * torch.log(s1 / over)
        return t, -self.time_constant / over, self.time_constant / s1, self.time_constant / over
