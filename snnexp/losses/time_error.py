"""Squared error of spike times."""

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from snnexp.limits import NonNegative
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading


class TimeError(Loss):
    """Squared distance of the output spikes to fixed times; scores are minus the times.

        L = mean_s 1/2 sum_c (t_c - target_c)^2,  target = early for the label, late for the others

    Source: Bohte 2002 SpikeProp (survey [65]).

    Args:
        early: target of the label, >= 0, in the unit of time.
        late: target of the others, >= 0.
    """

    of_times: ClassVar[bool] = True

    def __init__(self, early: NonNegative, late: NonNegative):
        super().__init__()
        self.early = early
        self.late = late

    def forward(self, reading: Reading, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        times = -reading.answer
        target = torch.full_like(times, self.late).scatter(1, labels[:, None], self.early)
        return (times - target).square().sum(1).mean() / 2
