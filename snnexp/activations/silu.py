"""The sigmoid-weighted rectifier."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class SiLU(nn.Module):
    """A rectifier with a smooth bend and values below zero.

        y = z sigmoid(z)

    Source: Ramachandran 2017 (swish); the activation of EfficientNet, which Stockl & Maass 2021 (survey [33]) convert.
    """

    def forward(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return functional.silu(z)
