"""Fast sigmoid surrogate."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Positive
from snnexp.surrogates.base import Surrogate


class FastSigmoid(Surrogate):
    """The derivative of the fast sigmoid z / (1 + |z|), also known as SuperSpike.

        slope(z) = scale / (1 + |z| / width)^2

    The field's 1 / (1 + beta |z|)^2 is scale 1, width 1/beta; beta = 10 is width 0.1.

    Source: Zenke & Ganguli 2018 (survey [48]); Ledinauskas 2020 (survey [58]).

    Args:
        scale: slope at the threshold, > 0, in spikes per unit of the potential.
        width: distance from the threshold at which the slope is a quarter of its height, > 0, in
            units of the potential.
    """

    shape: ClassVar[str] = "fast_sigmoid"

    def __init__(self, scale: Positive, width: Positive):
        super().__init__()
        self.scale = scale
        self.width = width

    def slope(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return self.scale / (1 + (z / self.width).abs()) ** 2
