"""Dropout with one mask for all timesteps, or one for each."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import is_static
from snnexp.layers.signal import Signal
from snnexp.limits import Probability


class Dropout(nn.Module):
    """Drops units with probability `p` and scales the others by 1 / (1 - p).

    One mask holds for the whole sequence, or every timestep has one of its own.

    Source: Lee 2020 (survey [53]), Fang 2021 (survey [56]): a mask drawn anew at every step would
    average out over time. That is what Wu 2019 (survey [51]) and Fang H. 2020 (survey [55]) do.
    With time_segments the masks of the first segment are those of the others.

    Args:
        p: probability of dropping a unit, in [0, 1).
        per_step: whether a unit is dropped at some timesteps, and not for the whole sequence.
    """

    def __init__(self, p: Probability, per_step: bool = False):
        super().__init__()
        self.p = p
        self.per_step = per_step

    def forward(self, x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *n"]:
        if not self.training or self.p == 0:
            return x
        mask = torch.rand_like(x if self.per_step else x[0]).ge(self.p) / (1 - self.p)
        if self.per_step:
            return x * mask
        return (x[0] * mask).expand_as(x) if is_static(x) else x * mask

    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """Everything, as in evaluation, where nothing is dropped."""
        (signal,) = signals
        return signal
