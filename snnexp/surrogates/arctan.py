"""Arctan surrogate."""

import math
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Positive
from snnexp.surrogates.base import Surrogate


class Arctan(Surrogate):
    """The derivative of the arc tangent.

        slope(z) = scale / (1 + (pi/2 z / width)^2)

    The field's alpha/2 / (1 + (pi/2 alpha z)^2) is scale alpha/2, width 1/alpha; alpha = 2 is scale
    1, width 0.5.

    Source: Fang 2021 (survey [56]).

    Args:
        scale: slope at the threshold, > 0, in spikes per unit of the potential.
        width: extent; the slope is half its height at 2/pi widths from the threshold, > 0, in units
            of the potential.
    """

    shape: ClassVar[str] = "arctan"

    def __init__(self, scale: Positive, width: Positive):
        super().__init__()
        self.scale = scale
        self.width = width

    def slope(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return self.scale / (1 + (math.pi / 2 * z / self.width) ** 2)
