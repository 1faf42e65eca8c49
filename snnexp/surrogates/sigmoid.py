"""Sigmoid surrogate."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Positive
from snnexp.surrogates.base import Surrogate


class Sigmoid(Surrogate):
    """The derivative of the logistic function.

        slope(z) = scale 4 sig(z / width) (1 - sig(z / width))

    The field's beta sig(beta z) (1 - sig(beta z)) is scale beta/4, width 1/beta; beta = 4 is scale
    1, width 0.25.

    Source: Zenke & Vogels 2021 (survey [81]).

    Args:
        scale: slope at the threshold, > 0, in spikes per unit of the potential.
        width: inverse steepness of the logistic function, > 0, in units of the potential.
    """

    shape: ClassVar[str] = "sigmoid"

    def __init__(self, scale: Positive, width: Positive):
        super().__init__()
        self.scale = scale
        self.width = width

    def slope(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        q = z / self.width
        return (
            self.scale * 4 * q.sigmoid() * (-q).sigmoid()
        )  # 1 - sig(q) = sig(-q), without cancellation
