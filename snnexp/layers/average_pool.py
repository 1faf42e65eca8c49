"""Average pooling that keeps nothing for its backward pass."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


class AveragePool(nn.Module):
    """Mean over windows that do not overlap: `[B, C, H, W] -> [B, C, H // height, W // width]`,
    times a gain.

    With a gain of 1 the same values as `torch.nn.AvgPool2d`, with height x width the sum. Its
    gradient needs no input, which torch keeps all the same: with spikes of all timesteps in one
    batch that is the largest tensor of the network.

    Args:
        window: height and width of the window in positions, >= 1 each.
        gain: factor on the mean, > 0.
    """

    def __init__(self, window: tuple[int, int], gain: float = 1.0):
        super().__init__()
        self.window = window
        self.gain = gain

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
        return _AveragePool.apply(x, self.window, self.gain)

    def spikes_behind(self, counts: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
        """How many spikes are behind each mean: all of a window's."""
        return functional.avg_pool2d(counts, self.window, divisor_override=1)

    def extra_repr(self) -> str:
        return str(self.window) + (f", gain={self.gain:g}" if self.gain != 1 else "")


class _AveragePool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, window: tuple[int, int], gain: float) -> Tensor:
        ctx.window, ctx.gain, ctx.shape = window, gain, x.shape
        ctx.layout = (
            torch.channels_last
            if x.is_contiguous(memory_format=torch.channels_last)
            else torch.contiguous_format
        )
        return _times(functional.avg_pool2d(x, window), gain)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        height, width = ctx.window
        share = _times(grad.contiguous(memory_format=ctx.layout) / (height * width), ctx.gain)
        rows, columns = share.shape[-2] * height, share.shape[-1] * width
        x_grad = torch.empty(
            ctx.shape, dtype=grad.dtype, device=grad.device, memory_format=ctx.layout
        )
        if (rows, columns) != tuple(ctx.shape[-2:]):  # positions beyond the last whole window
            x_grad.zero_()
        windows = (
            x_grad[..., :rows, :columns].unflatten(-1, (-1, width)).unflatten(-3, (-1, height))
        )
        windows.copy_(share[..., :, None, :, None].expand_as(windows))
        return x_grad, None, None


def _times(x: Tensor, gain: float) -> Tensor:
    return x if gain == 1 else x * gain
