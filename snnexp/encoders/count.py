"""Rate encoding by a whole number of evenly spaced spikes."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from snnexp.encoders.base import Encoder
from snnexp.limits import Count as WholeNumber
from snnexp.limits import Positive


class Count(Encoder):
    """Sends every pixel as a number of spikes in proportion to its value, evenly spaced over a
    while, and then nothing more.

        n = round(min(|x|, 1) duration)                                               spikes in all
        s(t) = height / duration sign(x) (floor((t + 1) n / duration) - floor(t n / duration)),
            t < duration;  0 afterwards

    Whatever the duration, what arrives in all is height x, rounded to its resolution. The factor
    height / duration belongs to the weights behind as much as to the spikes.

    Source: Thiele 2020 (survey [45]), whose networks compute on whole numbers; the spacing is free
    there.

    Args:
        duration: timesteps in which spikes are sent, >= 1.
        height: what a pixel of 1 amounts to in all, > 0; null for spikes of height 1, which is a
            height equal to the duration.
    """

    spiking = True
    shows = "once"
    adds_up = True

    def __init__(self, duration: WholeNumber, height: Positive | None):
        super().__init__()
        self.duration = duration
        self.value = 1.0 if height is None else height / duration

    def forward(
        self, images: Float[Tensor, "B C H W"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B C H W"]:
        spikes, value = self._spikes(images), images.sign() * self.value
        return torch.stack([self._due(spikes, step) * value for step in steps])

    def analog(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "1 B C H W"]:
        return (self._spikes(images) * images.sign() * self.value)[None]

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        return shape

    def _spikes(self, images: Tensor) -> Tensor:
        return (images.abs().clamp(max=1) * self.duration).round()

    def _due(self, spikes: Tensor, step: int) -> Tensor:
        if step >= self.duration:
            return torch.zeros_like(spikes)
        return (spikes * (step + 1)).div(self.duration, rounding_mode="floor") - (
            spikes * step
        ).div(self.duration, rounding_mode="floor")
