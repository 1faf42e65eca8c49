"""Latency encoding: one spike per pixel, the larger the value the earlier."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from snnexp.encoders.base import Encoder
from snnexp.limits import Count, Positive, Probability


class Latency(Encoder):
    """Lets every pixel above a threshold spike once, at a time that falls with its value; pixel
    values lie in [0, 1].

        linear        t = round((1 - x) (T - 1))
        logarithmic   t = round(min(tau (ln(x / (x - threshold)) - ln(1 / (1 - threshold))), T - 1))
        s(t) = 1 at that step, 0 before and after

    The logarithmic curve is the time in which a leaky integrator charged by x reaches the
    threshold, counted from the time that x = 1 takes. Both curves put x = 1 at step 0; values just
    above the threshold arrive at step T - 1 on the logarithmic curve, where the delay has no bound,
    and values just above 0 on the linear one. Steps from T on receive nothing.

    Source: survey section II and Fig. 1c; linear: Zhang 2020 (survey [61]).

    Args:
        curve: form of the delay.
        timesteps: steps T within which every spike falls, >= 1.
        threshold: values at or below it send no spike, in [0, 1).
        time_constant: tau of the logarithmic curve in timesteps, > 0; the linear curve does not use
            it.

    Raises:
        ValueError: a logarithmic curve with threshold 0, which has no delays.
    """

    spiking = True
    pixels = "unit"
    shows = "once"

    def __init__(
        self,
        curve: Literal["linear", "logarithmic"],
        timesteps: Count,
        threshold: Probability,
        time_constant: Positive,
    ):
        super().__init__()
        if curve == "logarithmic" and threshold == 0:
            raise ValueError(
                "curve=logarithmic with threshold=0 sends every spike at step 0; use a "
                "threshold > 0 or curve=linear"
            )
        self.curve = curve
        self.timesteps = timesteps
        self.threshold = threshold
        self.time_constant = time_constant

    def forward(
        self, images: Float[Tensor, "B C H W"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B C H W"]:
        step = torch.arange(steps.start, steps.stop, device=images.device).view(-1, 1, 1, 1, 1)
        return (self._time(images) == step).to(images.dtype)

    def _time(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        # Half precision cannot tell late steps apart.
        x = images.to(torch.promote_types(images.dtype, torch.float32))
        delay = (
            (1 - x) * (self.timesteps - 1)
            if self.curve == "linear"
            else self._charging(x) - self._charging(torch.ones_like(x))
        )
        return (
            delay.clamp(0, self.timesteps - 1).round().masked_fill(x <= self.threshold, torch.inf)
        )

    def _charging(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return self.time_constant * torch.log(x / (x - self.threshold))

    def analog(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "1 B C H W"]:
        return images[None]

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        return shape
