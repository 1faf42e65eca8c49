"""Batch normalisation over all timesteps together."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from snnexp.layers.per_step import PerStep
from snnexp.limits import Fraction, Positive


class Batch(nn.Module):
    """Batch normalisation whose statistics are taken over time, batch and space together.

        y = gamma (x - mean_TBHW) / sqrt(var_TBHW + epsilon) + beta

    A current that does not change with time has the statistics of its one step, so it is normalised once.
    Source: Ioffe & Szegedy 2015; over time as in Ledinauskas 2020 (survey [58]) and Fang 2021 (survey [68]).

    Args:
        momentum: weight of the new batch in the running statistics, in [0, 1].
        epsilon: added to the variance, > 0.
        features: channels or features of the current.
        dimensions: 1 for `[T, B, N]`, 2 for `[T, B, C, H, W]`.
        branches: branches that meet in one neuron; changes nothing here.
    """

    def __init__(self, momentum: Fraction, epsilon: Positive, features: int, dimensions: int, branches: int):
        super().__init__()
        kind = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}[dimensions]
        self.normalise = PerStep(kind(features, eps=epsilon, momentum=momentum))

    def forward(self, x: Float[Tensor, "T B *m"]) -> Float[Tensor, "T B *m"]:
        return self.normalise(x)

    def again(self, x: Float[Tensor, "T B *m"]) -> Float[Tensor, "T B *m"]:
        """What `forward` gave for `x` while training, to the last bit; leaves the running statistics alone."""
        norm = self.normalise[0]
        y = functional.batch_norm(x.flatten(0, 1), None, None, norm.weight, norm.bias, training=True, eps=norm.eps)
        return y.unflatten(0, x.shape[:2])

    def affine(self) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
        """Scale and shift per channel of the map that evaluation applies."""
        norm = self.normalise[0]
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        return scale, norm.bias - norm.running_mean * scale
