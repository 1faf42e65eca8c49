"""Rate encoding by independent draws at every timestep."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from snnexp.encoders.base import Encoder
from snnexp.limits import Positive
from snnexp.noise import uniform


class Poisson(Encoder):
    """Lets every pixel spike at every timestep with a probability in proportion to its value.

        U(t) ~ uniform in [0, 1), fresh for every sample, pixel and step
        s(t) = sign(x) 1[|x| > r U(t)]      signed
        s(t) = 1[x > r U(t)]                unsigned

    The firing probability is min(|x| / r, 1): values beyond `rate_scale` saturate, so images
    standardised by mean and standard deviation need a larger scale or a wider deviation. Unsigned,
    negative values send nothing.

    Source: Lee 2020 (survey [53]), Rathi 2020 (survey [66]); unsigned: Wu 2018 (survey [31]).

    Args:
        signed: whether negative values send negative spikes.
        rate_scale: pixel value r that fires at every step, > 0.
    """

    spiking = True

    def __init__(self, signed: bool, rate_scale: Positive):
        super().__init__()
        self.signed = signed
        self.pixels = "any" if signed else "unit"
        self.rate_scale = rate_scale

    def forward(
        self, images: Float[Tensor, "B C H W"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B C H W"]:
        strength = images.abs() if self.signed else images
        value = images.sign() if self.signed else torch.ones_like(images)
        return torch.stack(
            [
                (strength > self.rate_scale * uniform(keys, step, images.shape[1:])) * value
                for step in steps
            ]
        )

    def analog(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "1 B C H W"]:
        # The mean of the spike train, so that a firing rate and an activation stand for the same
        # pixel.
        return (images / self.rate_scale).clamp(-1.0 if self.signed else 0.0, 1.0)[None]

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        return shape
