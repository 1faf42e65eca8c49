"""Rectangle surrogate."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Positive
from snnexp.surrogates.base import Surrogate


class Rectangle(Surrogate):
    """A slope that is constant near the threshold and zero elsewhere.

        slope(z) = scale 1[|z| < width / 2]

    The field's 1[|z| < a/2] / a is scale 1/a, width a; a = 1 is scale 1, width 1.

    Source: Wu 2018 (survey [31]).

    Args:
        scale: slope at the threshold, > 0, in spikes per unit of the potential.
        width: full width of the window, > 0, in units of the potential.
    """

    shape: ClassVar[str] = "rectangle"

    def __init__(self, scale: Positive, width: Positive):
        super().__init__()
        self.scale = scale
        self.width = width

    def slope(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return self.scale * ((z / self.width).abs() < 0.5).to(z.dtype)
