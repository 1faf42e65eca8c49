"""Threshold from the largest current that spikes make."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Count
from snnexp.thresholds.base import Layer, Rule


class SnnMax(Rule):
    """The largest input current of one timestep, measured layer by layer with the layers before balanced already (SPIKE-NORM).

        threshold = max over timesteps, images and neurons of  W s(t)

    Source: Sengupta 2019 (survey [36]); Rathi 2020 ([66]) lowers all thresholds afterwards, which is the stage's scale.

    Args:
        timesteps: length of the measurement of each layer.
    """

    spikes: ClassVar[bool] = True

    def __init__(self, timesteps: Count):
        self.timesteps = timesteps

    def __call__(self, values: Float[Tensor, "B *m"], layer: Layer) -> float:
        return float(values.max())
