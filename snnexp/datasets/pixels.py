"""Normalisation of pixels, channel by channel."""

import math

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from snnexp.datasets.transforms import Normalisation, Normalised


class Pixels(Normalisation):
    """What the network sees of images whose pixels are bytes.

        x = (pixel / 255 - mean) / std

    Choose mean 0 and std 1 for an encoder that reads pixels in [0, 1] as probabilities or times,
    those of the training images where real values go into the network.

    Args:
        mean: one number per channel, of pixels in [0, 1].
        std: one number per channel, > 0, in the same unit.

    Raises:
        ValueError: a number is none that one can divide by, or no number.
    """

    def __init__(self, mean: list[float], std: list[float]):
        self.mean = _finite("mean", mean)
        self.std = _finite("std", std)
        if min(std) <= 0:
            raise ValueError(
                f"std={std}: pixels are divided by it; give numbers > 0, 1.0 to leave the "
                "pixels as they are"
            )

    @property
    def values(self) -> tuple[float, float]:
        """What a black and a white pixel become, in the channels where that is most."""
        pairs = [*zip(self.mean, self.std, strict=False)]
        low = min((0.0 - mean) / std for mean, std in pairs)
        high = max((1.0 - mean) / std for mean, std in pairs)
        return low, high

    def check(self, shape: tuple[int, ...]) -> None:
        """Raises `ValueError` unless there is one mean and one std for each channel of images."""
        if len(shape) != 3:
            raise ValueError(
                "normalisation: pixels of images have a mean and a std, samples of "
                f"{' x '.join(map(str, shape))} are none; set dataset.normalisation=null"
            )
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != shape[0]:
                raise ValueError(
                    f"{name}={values}: the images have {shape[0]} channel(s); give one number "
                    "for each"
                )

    def on(self, device: torch.device | str) -> Normalised:
        """What is done to batches of pixels that are on `device`."""
        mean = torch.tensor(self.mean, dtype=torch.float32, device=device).view(-1, 1, 1)
        std = torch.tensor(self.std, dtype=torch.float32, device=device).view(-1, 1, 1)

        def normalised(pixels: UInt8[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
            return pixels.float().div_(255).sub_(mean).div_(std)

        return normalised


def _finite(name: str, values: list[float]) -> list[float]:
    if not values or not all(map(math.isfinite, values)):
        raise ValueError(f"{name}={values}: give one number for each channel of the images")
    return [float(value) for value in values]
