"""Branches side by side."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.layers.joint import Joint, side_by_side
from snnexp.layers.signal import Signal, Spikes, together


class Concatenation(Joint):
    """The channels of several branches that start from the same spikes, one behind the other.

    Args:
        branches: spikes `[T, B, *n]` to spikes `[T, B, C, *m]`, C for each its own.
    """

    def __init__(self, *branches: nn.Module):
        super().__init__("concatenation", side_by_side(branches))
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *m"]:
        return torch.cat([branch(x) for branch in self.branches], dim=2)

    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """The spikes of every branch, in its own channels."""
        return together(signals) or Spikes(
            values,
            behind=lambda: torch.cat([spikes.behind() for spikes in signals], 2),
            totals=lambda: torch.cat([spikes.totals for spikes in signals], 0),
        )
