"""The sigmoid-weighted rectifier."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from snnexp.activations.base import Activation


class SiLU(Activation):
    """A rectifier with a smooth bend and values below zero.

        y = z sigmoid(z)

    Source: Ramachandran 2017 (swish); the activation of EfficientNet, which Stockl & Maass 2021
    (survey [33]) convert.
    """

    function: ClassVar[str | None] = "silu"

    def forward(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return functional.silu(z)
