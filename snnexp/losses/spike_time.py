"""Cross-entropy of spike times."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from snnexp.limits import NonNegative, Positive
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading

_LATEST = 80.0
"""Exponent at which e^t is still far from the end of float32."""


class SpikeTimeCrossEntropy(Loss):
    """Cross-entropy of the softmax of minus the spike times; the earliest output is the class.
    Scores are minus the times.

        time          L = mean_s -ln softmax(-t_s / scale)_label
        exponential  L = mean_s -ln softmax(-exp(t_s / scale))_label,
            beyond 80 scales flat: the exponential would overflow
        L <- L + early_weight mean_s (exp(t_label / early_scale) - 1)
        L <- L + spread_weight mean_s sum_c (t_sc - spread_time)^2
        samples whose cross-entropy is below `margin` give no gradient

    Source: exponential Mostafa 2018 (survey [34], equation 16); time Comsa 2020 (survey [59]);
    early Goeltz 2021 (survey [60]); margin Zhang 2020 (survey [61]); spread Sakemi 2020 (survey
    [62], temporal penalty).

    Args:
        domain: what the softmax is of.
        scale: of the times, > 0.
        early_weight: of the term that draws the label's spike to the start, >= 0.
        early_scale: its time scale, > 0.
        spread_weight: of the term that draws all output spikes to `spread_time`, >= 0.
        spread_time: that time.
        margin: cross-entropy that is good enough, >= 0.
    """

    of_times: ClassVar[bool] = True

    def __init__(
        self,
        domain: Literal["time", "exponential"],
        scale: Positive,
        early_weight: NonNegative,
        early_scale: Positive,
        spread_weight: NonNegative,
        spread_time: float,
        margin: NonNegative,
    ):
        super().__init__()
        self.domain, self.scale, self.margin = domain, scale, margin
        self.early_weight, self.early_scale = early_weight, early_scale
        self.spread_weight, self.spread_time = spread_weight, spread_time

    def forward(self, reading: Reading, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        times = -reading.answer
        scaled = times / self.scale
        values = scaled if self.domain == "time" else torch.exp(scaled.clamp(max=_LATEST))
        entropy = functional.cross_entropy(-values, labels, reduction="none")
        entropy = torch.where(entropy < self.margin, entropy.detach(), entropy)
        early = (
            torch.expm1(times.gather(1, labels[:, None])[:, 0] / self.early_scale)
            if self.early_weight
            else 0
        )
        spread = (times - self.spread_time).square().sum(1) if self.spread_weight else 0
        return (entropy + self.early_weight * early + self.spread_weight * spread).mean()
