"""Thresholds of an early exit, learned on images that are not for the test."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from snnexp.distributed import gathered
from snnexp.measure.answers import decided
from snnexp.measure.confidence import CONFIDENCES, confidences
from snnexp.measure.exit_rule import NEVER, ExitRule
from snnexp.measure.flow import Flow

CANDIDATES = 200
"""Thresholds that are tried: quantiles of the confidences that were seen."""
UNDECIDED = -1.0
"""Confidence where no class is ahead of all others."""


class ExitSearch:
    """The smallest threshold of every confidence that keeps the accuracy, from one pass.

    Every image keeps 13 bytes for each timestep: three confidences and whether the class ahead is
    right, so 10 000 images at T = 8 take 1 MB.
    """

    def __init__(self) -> None:
        self._sure: dict[str, list[Tensor]] = {name: [] for name in CONFIDENCES}
        self._right: list[Tensor] = []
        self._chunks: list[tuple[dict[str, Tensor], Tensor]] = []

    def begin(self, labels: Int[Tensor, "B"]) -> None:
        """A batch comes."""
        self._chunks = []

    def hidden(self, steps: int, flow: Flow | None) -> None:
        """Timesteps without an answer are for every rule alike."""

    def see(
        self,
        scores: Float[Tensor, "t B K"],
        right: Bool[Tensor, "t B"],
        flow: Flow | None,
        ends: bool,
    ) -> None:
        """Keeps how sure the scores are."""
        ahead = decided(scores)
        sure = {
            name: each.where(ahead, UNDECIDED).cpu() for name, each in confidences(scores).items()
        }
        self._chunks.append((sure, right.cpu()))
        if ends:
            self._end_batch()

    def _end_batch(self) -> None:
        for name, kept in self._sure.items():
            kept.append(torch.cat([sure[name] for sure, _ in self._chunks]).T)
        self._right.append(torch.cat([right for _, right in self._chunks]).T)

    def gather(self) -> None:
        """Takes in what other processes have seen."""
        parts = gathered((self._sure, self._right))
        self._sure = {
            name: [each for sure, _ in parts for each in sure[name]] for name in CONFIDENCES
        }
        self._right = [each for _, rights in parts for each in rights]

    def rules(self, tolerance: float) -> list[ExitRule]:
        """A rule for every confidence: the smallest threshold whose accuracy is at most `tolerance`
        percentage points below that at T; none where no image was seen, or there is one timestep.
        """
        if not self._right or self._right[0].shape[1] == 1:
            return []
        right = torch.cat(self._right)
        return [
            ExitRule(name, _smallest(torch.cat(kept), right, tolerance), learned=True)
            for name, kept in self._sure.items()
        ]


def _smallest(sure: Float[Tensor, "N T"], right: Bool[Tensor, "N T"], tolerance: float) -> float:
    highest = sure.cummax(1).values
    needed = right[:, -1].double().mean() - tolerance / 100
    for threshold in _candidates(sure):
        steps = (highest < threshold).sum(1, keepdim=True).clamp(max=sure.shape[1] - 1)
        if right.gather(1, steps).double().mean() >= needed:
            return threshold
    return NEVER


def _candidates(sure: Float[Tensor, "N T"]) -> list[float]:
    values = sure[sure >= 0].sort().values
    if not len(values):
        return []
    places = torch.linspace(0, len(values) - 1, min(CANDIDATES, len(values))).long()
    return values[places].unique().tolist()
