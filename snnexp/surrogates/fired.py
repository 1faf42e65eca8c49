"""Surrogate that lets the gradient pass wherever a spike was fired."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Positive
from snnexp.surrogates.base import Surrogate


class Fired(Surrogate):
    """A slope at and above the threshold, and none below.

        slope(z) = scale 1[z >= 0]

    The field's 1 / threshold is scale 1 at threshold 1. A neuron that is silent at a timestep gets
    no gradient there, so that weights have to start large enough for every layer to fire. To be
    chosen for neurons whose spikes are seen as what a leaky integrator lets through, such as
    `neuron=leak_corrected`; where layers are silent at the start, take a slope with two sides.

    Source: Lee 2020 (survey [53]).

    Args:
        scale: slope wherever a spike was fired, > 0, in spikes per unit of the potential.
    """

    shape: ClassVar[str] = "fired"

    def __init__(self, scale: Positive):
        super().__init__()
        self.scale = scale
        self.width = 1.0  # for kernels, whose shapes are stretched by it: a step has no width

    def slope(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return self.scale * (z >= 0).to(z.dtype)
