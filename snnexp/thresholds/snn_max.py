"""Threshold from the largest current that spikes make."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Count, Positive
from snnexp.thresholds.base import Layer, Rule


class SnnMax(Rule):
    """The largest input current of one timestep, measured layer by layer with the layers before
    balanced already (SPIKE-NORM).

        threshold = factor max over timesteps, images and neurons of  W s(t)

    The layers behind are measured with the factor in place: where spikes carry their threshold it
    acts once per layer on the way, as a factor on all thresholds does where spikes are units. The
    largest current grows from layer to layer, since it is that of the one timestep in which most
    inputs fire together; a factor keeps deep layers firing.

    Source: Sengupta 2019 (survey [36]), factor 1; Han 2020 ([38]), factor below 1. Rathi 2020
    ([66]) lowers all thresholds afterwards, which is the stage's scale.

    Args:
        timesteps: length of the measurement of each layer.
        factor: on the largest current, > 0.
    """

    spikes: ClassVar[bool] = True

    def __init__(self, timesteps: Count, factor: Positive):
        self.timesteps = timesteps
        self.factor = factor

    def __call__(self, values: Float[Tensor, "B *m"], layer: Layer) -> float:
        return self.factor * float(values.max())
