"""The rectifier."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.activations.base import Activation


class ReLU(Activation):
    """Passes what is above zero.

        y = max(0, z)

    Source: survey section III.A.
    """

    rectifier: ClassVar[bool] = True

    def forward(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return torch.relu(z)
