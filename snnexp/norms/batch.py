"""Batch normalisation over all timesteps together."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.layers.batch_norm import BatchNorm
from snnexp.layers.per_step import PerStep
from snnexp.limits import Fraction, NonNegative, Positive
from snnexp.norms.base import Norm


class Batch(Norm):
    """Batch normalisation whose statistics are taken over time, batch and space together.

        y = gamma (x - mean_TBHW) / sqrt(var_TBHW + epsilon) + beta

    A current that does not change with time has the statistics of its one step, so it is normalised
    once. Source: Ioffe & Szegedy 2015; over time as in Ledinauskas 2020 (survey [58]) and Fang 2021
    (survey [68]).

    Args:
        momentum: weight of the new batch in the running statistics, in [0, 1].
        epsilon: added to the variance, > 0.
        scale_spread: standard deviation of the normal distribution about 0 that gamma starts from,
            >= 0; 0 for a gamma of 1.
        learn_scale: whether gamma is learned; else it stays what it is. Without it every current
            has one deviation: a bound or threshold is right from the beginning, and layers with
            optimizer=muon keep their size.
        features: channels or features of the current.
        dimensions: 1 for `[T, B, N]`, 2 for `[T, B, C, H, W]`.
        branches: branches that meet in one neuron; changes nothing here.
    """

    over_batch: ClassVar[bool] = True

    def __init__(
        self,
        momentum: Fraction,
        epsilon: Positive,
        scale_spread: NonNegative,
        learn_scale: bool,
        features: int,
        dimensions: int,
        branches: int,
    ):
        super().__init__()
        self.normalise = PerStep(BatchNorm(features, 1.0, momentum, epsilon))
        if scale_spread:
            nn.init.normal_(self.normalise[0].weight, 0.0, scale_spread)
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
