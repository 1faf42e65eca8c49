"""Activation that is a whole number of spikes, with an error that is one too."""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnexp.activations.base import Activation
from snnexp.limits import Positive


class Rounded(Activation):
    """Counts the spikes of a neuron that can take spikes back, and sends errors back as spikes.

        a = max(0, floor(z / threshold + 1/2))                                  forward
        dL/dz = 1[z > 0] / threshold round(error_scale B dL/da) / (error_scale B)      backward

    B is the batch size, by which a mean loss divides: the rounding is that of a sample's own error.
    Without `error_scale` the error is not rounded.

    Source: Thiele 2020 (survey [45]).

    Args:
        threshold: what a spike stands for, > 0, in units of the current.
        error_scale: spikes that stand for an error of 1, > 0; null for an error in real numbers.
    """

    whole: ClassVar[bool] = True

    def __init__(self, threshold: Positive, error_scale: Positive | None):
        super().__init__()
        self.threshold = threshold
        self.error_scale = error_scale

    def forward(self, z: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *n"]:
        return _Rounded.apply(z, self.threshold, self.error_scale)


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, threshold: float, error_scale: float | None) -> Tensor:
        ctx.save_for_backward(z > 0)
        ctx.threshold, ctx.scale = (
            threshold,
            None if error_scale is None else error_scale * z.shape[1],
        )
        whole = (
            (z.to(torch.promote_types(z.dtype, torch.float32)) / threshold + 0.5)
            .floor()
            .clamp(min=0)
        )
        return whole.to(z.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (positive,) = ctx.saved_tensors
        error = grad if ctx.scale is None else (grad * ctx.scale).round() / ctx.scale
        return error * positive / ctx.threshold, None, None
