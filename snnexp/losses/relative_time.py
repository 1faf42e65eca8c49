"""Targets for spike times relative to the first output spike."""

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from snnexp.limits import Positive
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading


class RelativeTime(Loss):
    """Squared distance of the output spikes to targets around the first of them; scores are minus
    the times.

        target of the label   min_c t_c
        of the others  min(min_c t_c + gap, horizon)  where t - min_c t_c < gap, else their own time
        if none has fired     horizon - gap for the label, horizon for the others
        L = mean_s 1/2 sum_c ((t_c - target_c) / horizon)^2

    Source: Kheradpisheh & Masquelier 2020 S4NN (survey [63]).

    Args:
        gap: by which the label shall be ahead, > 0, in the unit of time.
        horizon: time that stands for never, > 0.
    """

    of_times: ClassVar[bool] = True

    def __init__(self, gap: Positive, horizon: Positive):
        super().__init__()
        self.gap = gap
        self.horizon = horizon

    def forward(self, reading: Reading, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        times = -reading.answer
        difference = times - self.target(times.detach(), labels)
        return (difference / self.horizon).square().sum(1).mean() / 2

    def target(self, times: Float[Tensor, "B K"], labels: Int[Tensor, "B"]) -> Float[Tensor, "B K"]:
        """The time at which each output should have fired."""
        first = times.amin(1, keepdim=True)
        others = torch.where(
            times - first < self.gap, (first + self.gap).clamp(max=self.horizon), times
        )
        label = torch.where(first >= self.horizon, self.horizon - self.gap, first)
        return others.scatter(1, labels[:, None], label)
