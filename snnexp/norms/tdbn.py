"""Threshold-dependent batch normalisation."""

import math
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.layers.batch_norm import BatchNorm
from snnexp.layers.per_step import PerStep
from snnexp.limits import Fraction, Positive
from snnexp.norms.base import Norm


class TdBN(Norm):
    """Batch normalisation over time and batch that brings the current to the scale of the
    threshold.

        y = gamma alpha threshold (x - mean_TBHW) / sqrt(var_TBHW + epsilon) + beta,
            alpha = 1 / sqrt(branches)

    With gamma = 1 and beta = 0 at the start the currents that meet in a neuron add up to a standard
    deviation of one threshold. Source: Zheng 2021 (survey [57]).

    Args:
        threshold: firing threshold of the neurons that receive the current, > 0.
        momentum: weight of the new batch in the running statistics, in [0, 1].
        epsilon: added to the variance, > 0.
        learn_scale: whether gamma is learned; else it stays 1, and currents stay at the scale of
            the threshold.
        features: channels or features of the current.
        dimensions: 1 for `[T, B, N]`, 2 for `[T, B, C, H, W]`; statistics are per channel in both.
        branches: branches that meet in one neuron, 2 in a residual join.
    """

    over_batch: ClassVar[bool] = True

    def __init__(
        self,
        threshold: Positive,
        momentum: Fraction,
        epsilon: Positive,
        learn_scale: bool,
        features: int,
        dimensions: int,
        branches: int,
    ):
        super().__init__()
        self.normalise = PerStep(
            BatchNorm(features, threshold / math.sqrt(branches), momentum, epsilon)
        )
        self.normalise[0].weight.requires_grad_(learn_scale)

    def forward(self, x: Float[Tensor, "T B *m"]) -> Float[Tensor, "T B *m"]:
        return self.normalise(x)

    def again(self, x: Float[Tensor, "T B *m"]) -> Float[Tensor, "T B *m"]:
        """What `forward` gave for `x` while training, to the last bit; leaves the running
        statistics alone.
        """
        return self.normalise[0].again(x.flatten(0, 1)).unflatten(0, x.shape[:2])

    def affine(self) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
        """Scale and shift per channel of the map that evaluation applies."""
        return self.normalise[0].affine()
