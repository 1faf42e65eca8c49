"""When the output layer of a timed network decides."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from snnexp.distributed import gathered
from snnexp.ranks import nearest

PERCENTILES = {"median": 50.0, "p95": 95.0}
COVERED = 99.9
"""Percent of the decisions that a span covers."""
SHORTEST = 1e-3
"""Shortest span, for decisions that all fall at time 0."""


class DecisionTimes:
    """The times of the first output spikes, and how many share theirs, over all images seen.

    Args:
        horizon: time from which on a spike is none.
    """

    def __init__(self, horizon: float):
        self.horizon = horizon
        self.images = 0
        self.among_first = 0
        """Images of whose first output spikes one is that of the label."""
        self.tied = 0
        """Images with several first output spikes."""
        self.times: list[Tensor] = []
        """Of the first output spikes, batch by batch; infinity for none."""

    def see(self, outputs: Float[Tensor, "B K"], labels: Int[Tensor, "B"]) -> None:
        """Takes in the spike times of a batch."""
        first = outputs.amin(1)
        earliest = (outputs == first[:, None]) & (outputs < self.horizon)
        self.images += len(labels)
        self.among_first += int(earliest.gather(1, labels[:, None]).sum())
        self.tied += int((earliest.sum(1) > 1).sum())
        self.times.append(torch.where(first < self.horizon, first, torch.inf).cpu())

    def gather(self) -> None:
        """Takes in what other processes have seen."""
        parts = gathered((self.images, self.among_first, self.tied, self.times))
        images, among_first, tied, times = zip(*parts, strict=True)
        self.images = sum(images)
        self.among_first = sum(among_first)
        self.tied = sum(tied)
        self.times = [batch for part in times for batch in part]

    def decided(self) -> Float[Tensor, "D"]:
        """The times of all decisions, sorted."""
        times = torch.cat(self.times)
        return times[times.isfinite()].sort().values

    def span(self) -> float:
        """The time within which `COVERED` percent of the decisions fall; the horizon where there
        are none.
        """
        decided = self.decided()
        if not len(decided):
            return self.horizon
        return max(float(decided[nearest(COVERED, len(decided)) - 1]), SHORTEST)

    def shown(self, before: float) -> dict[str, Any]:
        """What the result file says of it, for an output layer whose time begins `before` after
        that of the image.
        """
        decided = self.decided()
        return {
            "accuracy_ties_as_correct": 100.0 * self.among_first / self.images,
            "ties": 100.0 * self.tied / self.images,
            "unanswered": 100.0 * (self.images - len(decided)) / self.images,
            "decision_time": {
                key: before + float(decided[nearest(percentile, len(decided)) - 1])
                if len(decided)
                else None
                for key, percentile in PERCENTILES.items()
            },
        }
