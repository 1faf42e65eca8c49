"""Threshold that the activation has learned."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.errors import problem
from snnexp.thresholds.base import Layer, Rule


class LearnedClip(Rule):
    """The upper bound that the activation function has learned together with the weights; nothing
    is measured.

        threshold = clip

    Source: Bu 2022 (survey [40]); Ho & Chang 2021 (trainable clipping layer).

    Raises:
        ConfigError: the activation has no bound.
    """

    spikes: ClassVar[bool] = False
    reads_bound: ClassVar[bool] = True

    def __call__(self, values: Float[Tensor, "B *m"], layer: Layer) -> float:
        if not hasattr(layer.activation, "clip"):
            raise problem(
                f"layer {layer.name}: threshold=learned_clip reads the bound of an "
                f"activation, and {type(layer.activation).__name__} has "
                "none; train the ANN with activation=qcfs or clip, or choose "
                "threshold=ann_percentile"
            )
        return float(layer.activation.clip.detach())
