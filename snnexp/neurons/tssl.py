"""Neuron whose gradient is that of the times of its spikes."""

from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnexp.cell import State, at_rest
from snnexp.limits import Interval, Positive
from snnexp.neurons.base import Neuron

STEEPEST = 8.0
"""Exponent beyond which the slope of a silent neuron is flat."""


class TSSL(Neuron):
    """Leaky integrator behind an exponential synapse, trained on when it fires rather than whether.

        change = x - v / time_constant,  u = v + change               charge
        s = 1[u > threshold]                                          fire, strictly above
        v = u (1 - s)                                                 hard reset
        a = a + (s - a) / synapse_time_constant                       trace of its own spikes

    With gs the gradient of the spike and c that of the potential v it leaves, backward

        r = min(1 / change, largest_slope) s,  0 where the potential falls
        g = r (gs + c u / time_constant) + c (1 - 1 / time_constant) (1 - s)
        dL/dv = g                                                     potential before
        dL/dx = g                          where a >= 1 / (4 synapse_time_constant)
              = gs q / ((1 + q)^2 width),  q = exp((threshold - u) / width)      where silent

    with the exponent of q in [-8, 8]. The sum over the effects of a spike, which the paper writes
    in place of gs, is taken by the synapse behind the weights that the spike meets: a filter of the
    current is a filter of the spikes, as long as nothing but weights and pools lies between. Choose
    it where few timesteps have to say much, and the moment of a spike carries it.

    There is no fused scan: steps are few, and the slope depends on the trace.

    Source: Zhang & Li 2020 TSSL-BP (survey [54], equations 13 to 19), and its public code for the
    limits of slopes and the rule for silent neurons.

    Args:
        time_constant: of the potential, >= 1, in timesteps.
        synapse_time_constant: of the synapses behind this neuron, >= 1, in timesteps.
        threshold: potential that has to be exceeded, > 0, in units of the current.
        width: of the slope of silent neurons, > 0, in units of the potential.
        largest_slope: limit of 1 / change, > 0, in one over units of the potential.
    """

    leaks: ClassVar[bool] = True

    def __init__(
        self,
        time_constant: Annotated[float, Interval(1.0)],
        synapse_time_constant: Annotated[float, Interval(1.0)],
        threshold: Positive,
        width: Positive,
        largest_slope: Positive,
    ):
        super().__init__()
        self.time_constant = time_constant
        self.synapse_time_constant = synapse_time_constant
        self.threshold = threshold
        self.width = width
        self.largest_slope = largest_slope

    def initial(self, x: Float[Tensor, "B *n"]) -> State:
        return at_rest(x), at_rest(x)

    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *n"], State]:
        v, trace = state
        s, v, trace = _Step.apply(x.to(v.dtype), v, trace, self)
        return s, (v, trace)


class _Step(torch.autograd.Function):
    """One timestep, as above."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, v: Tensor, trace: Tensor, neuron: TSSL
    ) -> tuple[Tensor, Tensor, Tensor]:
        change = x - v / neuron.time_constant
        u = v + change
        s = (u > neuron.threshold).to(u.dtype)
        trace = trace + (s - trace) / neuron.synapse_time_constant
        ctx.neuron = neuron
        ctx.save_for_backward(change, u, trace < 1 / (4 * neuron.synapse_time_constant))
        ctx.mark_non_differentiable(trace)
        return s, u * (1 - s), trace

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, of_spike: Tensor, of_potential: Tensor, of_trace: Tensor
    ) -> tuple[Tensor, Tensor, None, None]:
        (change, u, silent), neuron = ctx.saved_tensors, ctx.neuron
        s = (u > neuron.threshold).to(u.dtype)
        crossing = (1 / change).clamp(0, neuron.largest_slope) * s
        kept = (1 - 1 / neuron.time_constant) * (1 - s)
        earlier = of_spike + of_potential * u / neuron.time_constant
        g = crossing * earlier + of_potential * kept
        return torch.where(silent, of_spike * _slope(u, neuron), g), g, None, None


def _slope(u: Tensor, neuron: TSSL) -> Tensor:
    """The derivative of a logistic function around the threshold."""
    q = ((neuron.threshold - u) / neuron.width).clamp(-STEEPEST, STEEPEST).exp()
    return q / ((1 + q) ** 2 * neuron.width)
