"""Threshold from a percentile of the activations."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.errors import problem
from snnexp.limits import NonNegative, Percentile
from snnexp.ranks import exact
from snnexp.thresholds.base import Layer, Rule
from snnexp.thresholds.nearest_rank import nearest_rank


class AnnPercentile(Rule):
    """A percentile of the activations of the analog layer that are not zero, over all training
    images at once.

        threshold = percentile - decrement * place  of  {a > 0}

    Zeros are left out because a layer of which most neurons are silent would otherwise get a
    threshold near zero. Neurons beyond the threshold saturate, all others need fewer timesteps to
    be told apart.

    Source: Rueckauer 2017 (survey [10]): 99.9; zeros left out and the decrement (0.02) as in the
    authors' toolbox.

    Args:
        percentile: in (0, 100].
        decrement: by which it is lowered from layer to layer, >= 0, in percent.

    Raises:
        ConfigError: nothing is left of the percentile at this depth.
    """

    spikes: ClassVar[bool] = False

    def __init__(self, percentile: Percentile, decrement: NonNegative):
        self.percentile = percentile
        self.decrement = decrement

    def __call__(self, values: Float[Tensor, "B *m"], layer: Layer) -> float:
        percentile = exact(self.percentile) - exact(self.decrement) * layer.place
        if percentile <= 0:
            raise problem(
                f"layer {layer.name}: {self.decrement:g} less per layer leaves percentile "
                f"{float(percentile):g}; lower decrement"
            )
        active = values[values > 0]
        return nearest_rank(active, percentile) if len(active) else 0.0
