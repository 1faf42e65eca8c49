"""Complementary leaky integrate-and-fire neuron."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import at_rest
from snnexp.limits import Fraction, Positive
from snnexp.neurons.base import Neuron


class CLIF(Neuron):
    """Leaky neurons with a second, complementary potential, which remembers spikes longer and makes
    the reset deeper where there have been many.

        u = leak v + x                                      charge
        s = 1[u >= threshold]                               fire
        m <- m sigmoid((1 - leak) u) + s                    form, strengthen
        v = u - s (threshold + sigmoid(m))                  reset

    The state is (v, m), both 0 at first. m decays the less the higher u is; gradients reach earlier
    timesteps through it where the leak alone would have made them vanish. It has no hyper-parameter
    beside those of a leaky neuron, and no fused scan: a step costs more than one of neuron=lif.
    Worth choosing where more timesteps do not help a leaky neuron.

    Source: Huang 2024 (CLIF), in the form of the authors' public code.

    Args:
        leak: share of the potential kept per timestep, in [0, 1]; 1 - 1/tau.
        threshold: potential at which a spike is fired, > 0, in units of the input current.
        surrogate: potential minus threshold to spikes, with a slope for the backward pass, which
            goes through the reset as well.
    """

    leaks: ClassVar[bool] = True

    def __init__(self, leak: Fraction, threshold: Positive, surrogate: nn.Module):
        super().__init__()
        self.leak, self.threshold, self.surrogate = leak, threshold, surrogate

    def initial(self, x: Float[Tensor, "B *n"]) -> tuple[Tensor, Tensor]:
        return at_rest(x), at_rest(x)

    def step(
        self, x: Float[Tensor, "B *n"], state: tuple[Tensor, Tensor]
    ) -> tuple[Float[Tensor, "B *n"], tuple[Tensor, Tensor]]:
        v, m = state
        u = self.leak * v + x.to(v.dtype)
        s = self.surrogate(u - self.threshold)
        m = m * ((1 - self.leak) * u).sigmoid() + s
        return s, (u - s * (self.threshold + m.sigmoid()), m)
