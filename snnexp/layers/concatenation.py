"""Branches side by side."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Concatenation(nn.Module):
    """The channels of several branches that start from the same spikes, one behind the other.

    Args:
        branches: spikes `[T, B, *n]` to spikes `[T, B, C, *m]`, C for each its own.
    """

    def __init__(self, *branches: nn.Module):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *m"]:
        return torch.cat([branch(x) for branch in self.branches], dim=2)
