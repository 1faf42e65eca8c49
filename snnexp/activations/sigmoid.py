"""The logistic function."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.activations.base import Activation


class Sigmoid(Activation):
    """Rises smoothly from 0 to 1.

        y = 1 / (1 + exp(-z))

    Source: Stockl & Maass 2021 (survey [33]) fit spiking neurons to it.
    """

    function: ClassVar[str | None] = "sigmoid"

    def forward(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return torch.sigmoid(z)
