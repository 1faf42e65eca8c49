"""Spike response neuron whose own spikes hold it down by an alpha response."""

import math
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import State, at_rest
from snnexp.limits import NonNegative, Positive
from snnexp.neurons.base import Neuron


class SpikeResponse(Neuron):
    """A neuron whose potential is its input less the responses to its own spikes.

        u = x - strength threshold r                                  charge
        s = 1[u >= threshold]                                         fire
        r(t) = sum_(i < t) s(i) k(t - i),   k(t) = (t / refractory) exp(1 - t / refractory)

    The potential keeps nothing of the input: time is in the synapses. Two states, as of the synapse
    `response`, make r without a sum over the past. The slope of the surrogate is the authors' guess
    at how a small change of the potential changes the chance of a spike, rho(u) = scale exp(-|u -
    threshold| / width): with their names scale = scaleRho / (tauRho threshold), width = tauRho
    threshold. Choose it with `synapse=response` and `surrogate=exponential`. No kernel runs it in
    one operation.

    Source: Shrestha & Orchard 2018 SLAYER (survey [47]) and its public code, whose backward pass
    does not go through the neuron's own spikes (detach_reset).

    Args:
        threshold: potential at which a spike is fired, > 0, in units of the input current.
        refractory: time constant of the response to its own spikes, > 0, in timesteps.
        strength: of its peak, >= 0, in thresholds.
        detach_reset: whether the response passes no gradient through the spikes.
        surrogate: potential minus threshold to spikes, with a slope for the backward pass.
    """

    leaks: ClassVar[bool] = True
    keeps_potential: ClassVar[bool] = False

    def __init__(
        self,
        threshold: Positive,
        refractory: Positive,
        strength: NonNegative,
        detach_reset: bool,
        surrogate: nn.Module,
    ):
        super().__init__()
        self.threshold = threshold
        self.d = math.exp(-1 / refractory)
        self.height = strength * threshold * math.e / refractory
        self.detach_reset = detach_reset
        self.surrogate = surrogate

    def initial(self, x: Float[Tensor, "B *n"]) -> State:
        return at_rest(x), at_rest(x)

    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *n"], State]:
        p, q = state
        q = self.d * (q + p)
        s = self.surrogate(x.to(q.dtype) - self.height * q - self.threshold)
        return s, (self.d * p + (s.detach() if self.detach_reset else s), q)
