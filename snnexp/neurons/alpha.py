"""Leaky neuron whose spikes add alpha functions, with one spike."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from snnexp.cell import State
from snnexp.neurons.decaying import Decaying
from snnexp.neurons.lambert import lambert


class Alpha(Decaying):
    """A leaky integrator whose membrane is as slow as its synapses: every spike adds an alpha
    function; fires once.

        u(t) = sum_i w_i (t - t_i) exp(-(t - t_i) / tau)  over t_i <= t         charge
        A = sum w_i exp(t_i / tau),  B = sum w_i t_i exp(t_i / tau)            sums over t_i < t_out
        t_out = B / A - tau W0(-threshold / (tau A) exp(B / (A tau)))  fire, W0 the Lambert function

    As a cell it takes steps of `step`, exact between them: u <- k (u + step j), j <- k j with k =
    e^(-step / tau); fire; j <- j + x.

    Source: Comsa 2020 (survey [59]); with tau = tau_m = tau_s Goeltz 2021 (survey [60]); Bohte 2002
    (survey [65]).

    Args:
        threshold: potential at which the spike is fired, > 0, in units of weight times time.
        time_constant: tau, > 0, in the unit of time.
        horizon: spikes at this time or later count as never, > 0, at most 40 tau.
        step: length of a timestep where the neuron runs in discrete time, > 0.
        surrogate: potential minus threshold to spikes, for training through time; exact times do
            not need it.
    """

    kind = "alpha"
    monotone = False
    forced = False
    windowed = False

    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *n"], State]:
        u, j, waiting = state
        kept = math.exp(-self.step_length / self.time_constant)
        u = kept * (u + self.step_length * j)
        s, waiting = self.once(u, waiting)
        return s, (u, kept * j + x, waiting)

    # The timed form, as in if_exp.py.

    def factors(self, t: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """What a spike at `t` adds to A and B per unit of weight."""
        z = torch.exp(t / self.time_constant)
        return z, t * z

    def slopes(self, t: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """Derivatives of `factors` by `t`."""
        z = torch.exp(t / self.time_constant)
        return z / self.time_constant, z * (1 + t / self.time_constant)

    def potential(
        self, s0: Float[Tensor, "*n"], s1: Float[Tensor, "*n"], t: Float[Tensor, "..."]
    ) -> Float[Tensor, "*n"]:
        """The potential at `t`, of the sums over the inputs until then."""
        return torch.exp(-t / self.time_constant) * (s0 * t - s1)

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
        rising = s0 > 0
        peak = s1 / torch.where(rising, s0, 1) + self.time_constant
        return rising & (self.potential(s0, s1, peak.maximum(start).minimum(end)) >= self.threshold)

    def solve(
        self, s0: Float[Tensor, "*n"], s1: Float[Tensor, "*n"], start: Float[Tensor, "*n"]
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """Time of the crossing, its derivatives by the two sums, and by the potential (negated)."""
        a, b = (
            s0.double(),
            s1.double(),
        )  # near the peak the argument is all rounding in single precision
        tau, mean = self.time_constant, b / a
        w = lambert(-self.threshold / (tau * a) * torch.exp(mean / tau))
        t, late = mean - tau * w, 1 / (a * (1 + w)).clamp(min=1e-30)
        return tuple(each.to(s0.dtype) for each in (t, -t * late, late, late * torch.exp(t / tau)))
