"""What lies between timed units: pools and dropout of spike times."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn


class TimePool(nn.Module):
    """The first or the last spike of every window; the last is never if one of them is. What lies
    beyond the edge does not count.

    Args:
        pool: the windows: their size, stride and padding.
        spike: which.
    """

    kind: ClassVar[str] = "pool"

    def __init__(self, pool: nn.MaxPool2d, spike: Literal["first", "last"]):
        super().__init__()
        self.pool = pool
        self.spike = spike

    def forward(self, x: Float[Tensor, "1 B C H W"]) -> Float[Tensor, "1 B C h w"]:
        return (-self.pool(-x[0]) if self.spike == "first" else self.pool(x[0]))[None]


class Silencing(nn.Module):
    """Dropout of spikes: a neuron is kept from firing with probability `p`, nothing is scaled.

    Args:
        p: probability, in [0, 1).
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Float[Tensor, "1 B *n"]) -> Float[Tensor, "1 B *n"]:
        return x.masked_fill(torch.rand_like(x) < self.p, torch.inf) if self.training else x
