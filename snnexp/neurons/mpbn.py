"""Leaky integrate-and-fire neuron whose potential is normalised before it fires."""

from collections.abc import Callable
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import at_rest
from snnexp.limits import Fraction, Positive
from snnexp.neurons.base import Neuron


class MPBN(Neuron):
    """Leaky neurons that fire from a normalised potential, and keep the potential as it is.

        u = leak v + x                             charge
        s = 1[norm(u) >= threshold]                normalise, fire
        v = u (1 - s)                              reset

    The norm has one scale, shift and set of running statistics per channel; while training it sees
    the batch of its timestep. In evaluation it is affine, norm(u) = scale u + shift, so that a
    neuron with scale > 0 fires at the potential

        (threshold - shift) / scale

    and one with scale < 0 below it: hardware needs no norm, but a threshold per channel. Here the
    norm is applied, which gives the same spikes to rounding. The norm behind the weights
    (norm=...) stays beside it. No fused scan knows this neuron. Worth choosing at one or two
    timesteps, where what the leak and the reset do to the distribution of potentials matters most.

    Source: Guo 2023 (MPBN), in the form of the authors' public code.

    Args:
        leak: share of the potential kept per timestep, in [0, 1].
        threshold: normalised potential at which a spike is fired, > 0.
        detach_reset: whether the reset passes no gradient through the spike.
        norm: of potentials, such as norm=batch.
        surrogate: normalised potential minus threshold to spikes, with a slope for the backward
            pass.
    """

    leaks: ClassVar[bool] = True

    def __init__(
        self,
        leak: Fraction,
        threshold: Positive,
        detach_reset: bool,
        norm: Callable,
        surrogate: nn.Module,
    ):
        super().__init__()
        self.leak, self.threshold, self.detach_reset = leak, threshold, detach_reset
        self.surrogate, self.make = surrogate, norm
        self.norm: nn.Module = nn.Identity()  # until it is known how many channels there are

    def sized(self, shape: tuple[int, ...]) -> None:
        """Takes the number of channels, or of neurons of a linear layer."""
        dimensions = 2 if len(shape) == 3 else 1
        self.norm = self.make(features=shape[0], dimensions=dimensions, branches=1)

    def initial(self, x: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        return at_rest(x)

    def step(
        self, x: Float[Tensor, "B *n"], state: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        u = self.leak * state + x.to(state.dtype)
        s = self.surrogate(self.norm(u[None])[0] - self.threshold)
        return s, u * (1 - (s.detach() if self.detach_reset else s))
