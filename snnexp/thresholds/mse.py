"""Threshold that makes the smallest error."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Count
from snnexp.thresholds.base import Layer, Rule

GRID = tuple(share / 100 for share in range(100, 5, -1))
"""Thresholds that are tried, as shares of the largest activation."""


class Mse(Rule):
    """Of the shares 1.00, 0.99, ..., 0.06 of the largest activation the one whose spike counts come
    closest to the activations.

        c = clip(floor(a timesteps / threshold + initial potential), 0, timesteps)
            what a steady current a makes a neuron fire
        threshold = argmin ||a - threshold c / timesteps||^2

    Low thresholds cut large activations off, high ones have coarse steps. The initial potential is
    that of the conversion, as a fraction of the threshold.

    Source: Li 2021, SNN calibration, one threshold per layer and all images at once; beyond the
    survey.

    Args:
        timesteps: T that the thresholds are for.
    """

    spikes: ClassVar[bool] = False

    def __init__(self, timesteps: Count):
        self.timesteps = timesteps

    def __call__(self, values: Float[Tensor, "B *m"], layer: Layer) -> float:
        largest = float(values.max())
        if largest <= 0:
            return largest
        return min(
            (share * largest for share in GRID),
            key=lambda threshold: self._error(values, threshold, layer.initial_potential),
        )

    def _error(self, values: Tensor, threshold: float, start: float) -> float:
        counts = (values * (self.timesteps / threshold) + start).floor_().clamp_(0, self.timesteps)
        return float(counts.mul_(threshold / self.timesteps).sub_(values).square_().mean())
