"""Threshold from a percentile of the currents that spikes make."""

from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Count, Percentile
from snnexp.thresholds.base import Layer, Rule
from snnexp.thresholds.nearest_rank import nearest_rank


class SnnPercentile(Rule):
    """Percentiles of all input currents of a timestep, combined over time, layer by layer with the
    layers before balanced already.

        p(t)       = percentile of  W s(t)  over images and neurons
        threshold  = max_t p(t)                                                combination = largest
        threshold <- p(t) at every t at which  max W s(t) > threshold,  from a threshold of 0
            combination = last_exceeding

    Source: largest Rathi & Roy 2021 (survey [70]): 99.7 over 100 timesteps, all thresholds times
    0.2 afterwards for T = 5, which is the stage's scale; last_exceeding Garg 2020 ([74]): 99.9. The
    rank of both is 1 + round(percentile (n - 1) / 100), here the nearest rank.

    Args:
        percentile: in (0, 100]; zero and negative currents count.
        timesteps: length of the measurement of each layer.
        combination: of the percentiles of the timesteps.
    """

    spikes: ClassVar[bool] = True

    def __init__(
        self,
        percentile: Percentile,
        timesteps: Count,
        combination: Literal["largest", "last_exceeding"],
    ):
        self.percentile = percentile
        self.timesteps = timesteps
        self.combination = combination

    def __call__(self, values: Float[Tensor, "B *m"], layer: Layer) -> float:
        return nearest_rank(values.flatten(), self.percentile)

    def after(self, threshold: float, values: Float[Tensor, "B *m"], layer: Layer) -> float:
        if self.combination == "largest":
            return super().after(threshold, values, layer)
        return self(values, layer) if values.max() > threshold else threshold
