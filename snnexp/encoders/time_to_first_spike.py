"""A pixel as the time of one spike per window of timesteps."""

import math
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from snnexp.encoders.base import Encoder
from snnexp.limits import Interval, Positive


class TimeToFirstSpike(Encoder):
    """Sends one spike per pixel and window of N steps, the earlier the brighter, as
    neuron=time_to_first_spike sends its values.

        kernel(k) = 1 - k / (N - 1)  (linear)  or  exp(-k / tau)  (exponential)
        spike of height N kernel(k) at the first step k of every window with x >= kernel(k) > 0; x
            in [0, 1]

    The mean of a window is the pixel cut to the next value the kernel takes; pixels below its last
    one other than 0 send nothing.

    Source: Park 2020, T2FSNN, beyond the survey; as a repeated latency code survey section II.

    Args:
        window: steps N, >= 2; those of the neurons.
        curve: whether the kernel falls linearly or exponentially.
        time_constant: tau of the exponential kernel in timesteps, > 0; the linear one does not use
            it.
    """

    spiking = True
    pixels = "unit"
    shows = "every_window"

    def __init__(
        self,
        window: Annotated[int, Interval(2.0)],
        curve: Literal["linear", "exponential"],
        time_constant: Positive,
    ):
        super().__init__()
        self.window, self.curve, self.time_constant = window, curve, time_constant

    def forward(
        self, images: Float[Tensor, "B C H W"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B C H W"]:
        # Half precision cannot tell late steps apart.
        x = images.to(torch.promote_types(images.dtype, torch.float32))
        return torch.stack([self._sent(x, step % self.window) for step in steps]).to(images.dtype)

    def _sent(self, x: Tensor, k: int) -> Tensor:
        earlier = self._kernel(k - 1) if k else math.inf
        return (
            self.window
            * self._kernel(k)
            * ((x >= self._kernel(k)) & (x < earlier) & (x > 0)).to(x.dtype)
        )

    def _kernel(self, k: int) -> float:
        return (
            1 - k / (self.window - 1)
            if self.curve == "linear"
            else math.exp(-k / self.time_constant)
        )

    def analog(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "1 B C H W"]:
        return images.clamp(0.0, 1.0)[None]

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        return shape
