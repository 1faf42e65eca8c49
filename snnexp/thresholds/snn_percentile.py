"""Threshold from a percentile of the currents that spikes make."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Count, Percentile
from snnexp.thresholds.base import Layer, Rule
from snnexp.thresholds.nearest_rank import nearest_rank


class SnnPercentile(Rule):
    """A percentile of all input currents of one timestep, the largest over time, layer by layer with the layers before balanced already.

        threshold = max over timesteps of the percentile of  W s(t)  over images and neurons

    Source: Rathi & Roy 2021 (survey [70]): 99.7 over 100 timesteps, all thresholds times 0.2 afterwards for T = 5, which is the stage's
    scale; Garg 2020 ([74]): 99.9. Their rank is 1 + round(percentile (n - 1) / 100), here the nearest rank.

    Args:
        percentile: in (0, 100]; zero and negative currents count.
        timesteps: length of the measurement of each layer.
    """

    spikes: ClassVar[bool] = True

    def __init__(self, percentile: Percentile, timesteps: Count):
        self.percentile = percentile
        self.timesteps = timesteps

    def __call__(self, values: Float[Tensor, "B *m"], layer: Layer) -> float:
        return nearest_rank(values.flatten(), self.percentile)
