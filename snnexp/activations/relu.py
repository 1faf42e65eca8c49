"""The rectifier."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ReLU(nn.Module):
    """Passes what is above zero.

        y = max(0, z)

    Source: survey section III.A.
    """

    def forward(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return torch.relu(z)
