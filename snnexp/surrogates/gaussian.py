"""Gaussian surrogate."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Positive
from snnexp.surrogates.base import Surrogate


class Gaussian(Surrogate):
    """A slope shaped like the normal density.

        slope(z) = scale exp(-z^2 / (2 width^2))

    The field's exp(-z^2 / (2 sigma^2)) / (sqrt(2 pi) sigma) is scale 1 / (sqrt(2 pi) sigma), width
    sigma; sigma = 0.4 is scale 0.997, width 0.4.

    Source: Fang 2020 (survey [55]).

    Args:
        scale: slope at the threshold, > 0, in spikes per unit of the potential.
        width: standard deviation, > 0, in units of the potential.
    """

    shape: ClassVar[str] = "gaussian"

    def __init__(self, scale: Positive, width: Positive):
        super().__init__()
        self.scale = scale
        self.width = width

    def slope(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return self.scale * (-((z / self.width) ** 2) / 2).exp()
