"""Leaky neuron with a membrane twice as slow as its synapses, and one spike."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from snnexp.cell import State
from snnexp.neurons.decaying import Decaying


class LIF2(Decaying):
    """A leaky integrator with tau_m = 2 tau_s = 2 tau, of exponential synaptic currents; fires
    once.

        u(t) = 2 sum_i w_i (exp(-(t - t_i) / 2 tau) - exp(-(t - t_i) / tau))  over t_i <= t   charge
        a1 = sum w_i exp(t_i / tau),  a2 = sum w_i exp(t_i / 2 tau)            sums over t_i < t_out
        t_out = 2 tau ln(2 a1 / (a2 + sqrt(a2^2 - 2 a1 threshold)))                             fire

    As a cell it takes steps of `step`, exact between them: p <- p e^(-step / 2 tau), q <- q
    e^(-step / tau), u = 2 (p - q); fire; p <- p + x, q <- q + x.

    Source: Goeltz 2021 (survey [60]); capacitance tau, leak conductance 1/2.

    Args:
        threshold: potential at which the spike is fired, > 0.
        time_constant: tau of the synapses, > 0, in the unit of time.
        horizon: spikes at this time or later count as never, > 0, at most 40 tau.
        step: length of a timestep where the neuron runs in discrete time, > 0.
        surrogate: potential minus threshold to spikes, for training through time; exact times do
            not need it.
    """

    kind = "lif2"
    monotone = False
    forced = False
    windowed = False

    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *n"], State]:
        p, q, waiting = state
        kept = math.exp(-self.step_length / (2 * self.time_constant))
        p, q = p * kept, q * kept**2
        s, waiting = self.once(2 * (p - q), waiting)
        return s, (p + x, q + x, waiting)

    # The timed form, as in if_exp.py.

    def factors(self, t: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """What a spike at `t` adds to a2 and a1 per unit of weight."""
        root = torch.exp(t / (2 * self.time_constant))
        return root, root.square()

    def slopes(self, t: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """Derivatives of `factors` by `t`."""
        root = torch.exp(t / (2 * self.time_constant))
        return root / (2 * self.time_constant), root.square() / self.time_constant

    def potential(
        self, s0: Float[Tensor, "*n"], s1: Float[Tensor, "*n"], t: Float[Tensor, "..."]
    ) -> Float[Tensor, "*n"]:
        """The potential at `t`, of the sums over the inputs until then."""
        return self._potential(s0, s1, self._root(t))

    def reaches(
        self,
        s0: Float[Tensor, "*n"],
        s1: Float[Tensor, "*n"],
        start: Float[Tensor, "..."],
        end: Float[Tensor, "..."],
    ) -> Bool[Tensor, "*n"]:
        """Whether the potential, below the threshold at `start`, is at it at some time until `end`,
        if nothing arrives in between.
        """
        rising = (s1 > 0) & (s0 > 0)
        peak = s0 / torch.where(rising, 2 * s1, 1)  # of a parabola in exp(-t / 2 tau)
        return rising & (
            self._potential(s0, s1, peak.minimum(self._root(start)).maximum(self._root(end)))
            >= self.threshold
        )

    def solve(
        self, s0: Float[Tensor, "*n"], s1: Float[Tensor, "*n"], start: Float[Tensor, "*n"]
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """Time of the crossing, its derivatives by the two sums, and by the potential (negated)."""
        a2, a1 = (
            s0.double(),
            s1.double(),
        )  # near the peak the root is all rounding in single precision
        root = torch.sqrt((a2.square() - 2 * self.threshold * a1).clamp(min=0))
        u = (a2 + root) / (2 * a1)
        late = self.time_constant / root.clamp(min=1e-30)
        return tuple(
            each.to(s0.dtype)
            for each in (-2 * self.time_constant * torch.log(u), -2 * late, 2 * u * late, late / u)
        )

    def _root(self, t: Tensor) -> Tensor:
        return torch.exp(-t / (2 * self.time_constant))

    def _potential(self, s0: Tensor, s1: Tensor, u: Tensor) -> Tensor:
        return 2 * u * (s0 - s1 * u)
