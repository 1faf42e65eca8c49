"""Dropout with one mask for all timesteps."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import is_static
from snnexp.layers.signal import Signal
from snnexp.limits import Probability


class Dropout(nn.Module):
    """Drops units with probability `p` for the whole sequence and scales the others by 1 / (1 - p).

    Source: Lee 2020 (survey [53]), Fang 2021 (survey [56]): a mask drawn anew at every step would
    average out over time.

    Args:
        p: probability of dropping a unit, in [0, 1).
    """

    def __init__(self, p: Probability):
        super().__init__()
        self.p = p

    def forward(self, x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *n"]:
        if not self.training or self.p == 0:
            return x
        mask = torch.rand_like(x[0]).ge(self.p) / (1 - self.p)
        return (x[0] * mask).expand_as(x) if is_static(x) else x * mask

    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """Everything, as in evaluation, where nothing is dropped."""
        (signal,) = signals
        return signal
