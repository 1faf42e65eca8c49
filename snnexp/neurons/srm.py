"""Spike response neuron with a refractory trace."""

import math
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import at_rest
from snnexp.limits import NonNegative, Positive
from snnexp.neurons.base import Neuron


class SRM(Neuron):
    """A neuron whose potential is its input less the traces of its own spikes.

        v = x - R                                                  charge
        s = 1[v >= threshold]                                      fire
        R <- exp(-1 / time_constant) R + strength s                refractory trace

    The state is the trace R, 0 at first. There is no membrane: nothing of the input is kept, so
    that time has to be in the synapses, with which this is the spike response model. One would
    choose it for synapse=iir. No kernel runs it in one operation.

    Source: Fang H. 2020 (survey [55]), as its authors' public code has it, which fires above the
    threshold only.

    Args:
        threshold: potential at which a spike is fired, > 0, in units of the input current.
        time_constant: of the trace, > 0, in timesteps.
        strength: what a spike adds to the trace, >= 0, in units of the input current.
        detach_reset: whether the trace passes no gradient through the spikes.
        surrogate: potential minus threshold to spikes, with a slope for the backward pass.
    """

    leaks: ClassVar[bool] = True
    keeps_potential: ClassVar[bool] = False

    def __init__(
        self,
        threshold: Positive,
        time_constant: Positive,
        strength: NonNegative,
        detach_reset: bool,
        surrogate: nn.Module,
    ):
        super().__init__()
        self.threshold = threshold
        self.kept = math.exp(-1 / time_constant)
        self.strength = strength
        self.detach_reset = detach_reset
        self.surrogate = surrogate

    def initial(self, x: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        return at_rest(x)

    def step(
        self, x: Float[Tensor, "B *n"], state: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        s = self.surrogate(x.to(state.dtype) - state - self.threshold)
        return s, self.kept * state + self.strength * (s.detach() if self.detach_reset else s)
