"""Activation that takes the values a spike count can take."""

from typing import Annotated, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.activations.base import Activation
from snnexp.activations.positive import positive
from snnexp.kernels.staircase import available, staircase
from snnexp.limits import Count, Interval, Positive


class QCFS(Activation):
    """Quantised clip-floor-shift: a staircase of `levels` steps up to a bound that is learned, one
    number for all neurons of a layer.

        y = clip / levels floor(levels min(max(0, z / clip), 1) + shift)

    Backward the floor counts as the identity: dy/dz = 1 for 0 < z < clip, else 0; dy/dclip = y /
    clip - (z / clip) dy/dz. With shift = 1/2 it is what an integrate-and-fire neuron of threshold
    clip sends on average in `levels` timesteps of constant input, started from half its threshold
    and reset by subtraction. Where clip and inputs are sums of a few powers of two that is so to
    the last bit, ties included (both round half up); elsewhere a sum of timesteps may round to the
    other side of an exact half step, and nowhere else. For other numbers of timesteps the mean
    error is zero. `clip` stays at or above 0.001, whatever training does to it. An optimizer's
    weight decay applies to it as to every weight, which is how the authors train. Works in float32
    at least: bfloat16 has no steps finer than 1/128 of a value to floor.

    Source: Bu 2022 (survey [40]).

    Args:
        levels: steps of the staircase, >= 1; about the timesteps of the spiking network.
        clip: bound before training, > 0, in units of the activation; small ones are driven towards
            zero in training, 4 to 8 are safe.
        shift: in [0, 1), as a fraction of a step; 1/2 rounds to the nearest.
    """

    def __init__(
        self,
        levels: Count,
        clip: Positive,
        shift: Annotated[float, Interval(0.0, 1.0, high_open=True)],
    ):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(float(clip)))
        self.levels = levels
        self.shift = shift

    @property
    def clip(self) -> Float[Tensor, ""]:
        """The bound learned so far, > 0."""
        return positive(self.w)

    def forward(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        clip = self.clip
        if available(z, clip):
            return staircase(z, clip, self.levels, self.shift)
        x = z.to(torch.promote_types(z.dtype, torch.float32))
        steps = _Floor.apply((x * self.levels / clip).clamp(0, self.levels) + self.shift)
        return (clip * steps / self.levels).to(z.dtype)


class _Floor(torch.autograd.Function):
    """The largest whole number below, with the gradient of the identity."""

    @staticmethod
    def forward(ctx: Any, u: Tensor) -> Tensor:
        return u.floor()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad
