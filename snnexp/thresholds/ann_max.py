"""Threshold from the largest activation."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.thresholds.base import Layer, Rule


class AnnMax(Rule):
    """The largest activation of the analog layer on the training images; with `include_weights` the
    largest weight if that is more.

        threshold = max a  or  max(max a, max w)

    Source: Diehl 2015 (survey [35]), data-based normalisation, which has the weights in it.

    Args:
        include_weights: whether no weight may exceed the threshold, so that a single spike never
            makes more than one.
    """

    spikes: ClassVar[bool] = False

    def __init__(self, include_weights: bool):
        self.include_weights = include_weights

    def __call__(self, values: Float[Tensor, "B *m"], layer: Layer) -> float:
        heaviest = (
            max((float(weight.max()) for weight in layer.weights), default=0.0)
            if self.include_weights
            else 0.0
        )
        return max(float(values.max()), heaviest)
