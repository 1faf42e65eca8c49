"""Threshold-dependent batch normalisation."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from snnexp.layers.per_step import PerStep
from snnexp.limits import Fraction, Positive


class TdBN(nn.Module):
    """Batch normalisation over time and batch that brings the current to the scale of the threshold.

        y = gamma alpha threshold (x - mean_TBHW) / sqrt(var_TBHW + epsilon) + beta,  alpha = 1 / sqrt(branches)

    With gamma = 1 and beta = 0 at the start the currents that meet in a neuron add up to a standard deviation of one threshold.
    Source: Zheng 2021 (survey [57]).

    Args:
        threshold: firing threshold of the neurons that receive the current, > 0.
        momentum: weight of the new batch in the running statistics, in [0, 1].
        epsilon: added to the variance, > 0.
        features: channels or features of the current.
        dimensions: 1 for `[T, B, N]`, 2 for `[T, B, C, H, W]`; statistics are per channel in both.
        branches: branches that meet in one neuron, 2 in a residual join.
    """

    def __init__(self, threshold: Positive, momentum: Fraction, epsilon: Positive, features: int, dimensions: int, branches: int):
        super().__init__()
        self.normalise = PerStep(_Scaled(features, threshold / math.sqrt(branches), momentum, epsilon))

    def forward(self, x: Float[Tensor, "T B *m"]) -> Float[Tensor, "T B *m"]:
        return self.normalise(x)

    def again(self, x: Float[Tensor, "T B *m"]) -> Float[Tensor, "T B *m"]:
        """What `forward` gave for `x` while training, to the last bit; leaves the running statistics alone."""
        norm = self.normalise[0]
        y = F.batch_norm(x.flatten(0, 1), None, None, norm.gain * norm.weight, norm.bias, training=True, eps=norm.epsilon)
        return y.unflatten(0, x.shape[:2])

    def affine(self) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
        """Scale and shift per channel of the map that evaluation applies."""
        norm = self.normalise[0]
        scale = norm.weight * norm.gain * torch.rsqrt(norm.running_var + norm.epsilon)
        return scale, norm.bias - norm.running_mean * scale


class _Scaled(nn.Module):
    """Batch normalisation with a fixed gain on gamma; the gain goes through gamma, so that it costs no pass over the current."""

    def __init__(self, features: int, gain: float, momentum: float, epsilon: float):
        super().__init__()
        self.gain, self.momentum, self.epsilon = gain, momentum, epsilon
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x: Float[Tensor, "B *m"]) -> Float[Tensor, "B *m"]:
        gamma = self.gain * self.weight
        return F.batch_norm(x, self.running_mean, self.running_var, gamma, self.bias, self.training, self.momentum, self.epsilon)
