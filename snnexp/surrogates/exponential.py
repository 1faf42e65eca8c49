"""Exponential surrogate."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Positive
from snnexp.surrogates.base import Surrogate


class Exponential(Surrogate):
    """A slope that decays exponentially on both sides of the threshold.

        slope(z) = scale exp(-|z| / width)

    The field's a exp(-b |z|) is scale a, width 1/b.

    Source: Shrestha & Orchard 2018 (survey [47]).

    Args:
        scale: slope at the threshold, > 0, in spikes per unit of the potential.
        width: distance over which the slope falls by a factor e, > 0, in units of the potential.
    """

    shape: ClassVar[str] = "exponential"

    def __init__(self, scale: Positive, width: Positive):
        super().__init__()
        self.scale = scale
        self.width = width

    def slope(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return self.scale * (-(z / self.width).abs()).exp()
