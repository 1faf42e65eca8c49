"""Triangle surrogate."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Positive
from snnexp.surrogates.base import Surrogate


class Triangle(Surrogate):
    """A slope that falls linearly to zero on both sides of the threshold.

        slope(z) = scale max(0, 1 - |z| / width)

    The field's gamma max(0, 1 - |u / threshold - 1|) is scale gamma, width equal to the threshold
    (scale gamma / threshold where it is meant as the derivative by u / threshold); gamma = 0.3 at
    threshold 1 is scale 0.3, width 1.

    Source: Bellec 2018 (survey [50]); Kim 2021 (survey [67]).

    Args:
        scale: slope at the threshold, > 0, in spikes per unit of the potential.
        width: distance from the threshold at which the slope is zero, > 0, in units of the
            potential.
    """

    shape: ClassVar[str] = "triangle"

    def __init__(self, scale: Positive, width: Positive):
        super().__init__()
        self.scale = scale
        self.width = width

    def slope(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return self.scale * (1 - (z / self.width).abs()).clamp(min=0)
