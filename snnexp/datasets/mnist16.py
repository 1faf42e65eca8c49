"""MNIST at 16 x 16."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor

from snnexp.datasets.base import Source, Split
from snnexp.datasets.dataset import Dataset
from snnexp.datasets.idx import DIGITS, IdxFiles
from snnexp.limits import Count, Natural, Seed


def mnist16(
    data_dir: str,
    crop: Count,
    size: Count,
    validation: Natural,
    split_seed: Seed,
    mean: list[float],
    std: list[float],
    augmentation: dict[str, Any],
) -> Dataset:
    """MNIST whose middle `crop` x `crop` pixels are shrunk to `size` x `size`, as small analog chips need it.

    Every new pixel is a weighted mean of all old ones it covers (bilinear with antialiasing), so that thin strokes grow pale and are
    not lost.

    Source: Goeltz et al. 2021 (survey [60]): crop 24, size 16.

    Args:
        data_dir: folder that holds `MNIST/raw`; may start with `~`.
        crop: side of the part that is kept, 1 to 28 pixels; 28 for all of it.
        size: side of the images, >= 1.
        validation: number of training samples held out, >= 0.
        split_seed: of the choice of the samples held out.
        mean: one number, of pixels in [0, 1].
        std: one number, > 0.
        augmentation: crop_padding, crop_border, flip, auto_augment, cutout.
    """
    return Dataset(Shrunk(IdxFiles(data_dir, "MNIST", DIGITS), crop, size), validation, split_seed, mean, std, augmentation)


class Shrunk(Source):
    """The middle of the images of another source, at another size."""

    def __init__(self, source: Source, crop: Count, size: Count):
        if crop > min(source.shape[1:]):
            raise ValueError(f"crop={crop}: the images have {min(source.shape[1:])} pixels on a side; give 1 to that many")
        self.source = source
        self.crop = crop
        self.classes = source.classes
        self.shape = (source.shape[0], size, size)
        self.train_samples = source.train_samples

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those of the other source."""
        return self.source.class_names

    @property
    def place(self) -> str:
        """That of the other source."""
        return self.source.place

    def read(self) -> tuple[Split, Split]:
        """The splits of the other source, shrunk. Raises `DataError`."""
        train, test = (Split(self._shrunk(split.images), split.labels, split.index) for split in self.source.read())
        return train, test

    def status(self) -> str:
        """Status of the other source."""
        return self.source.status()

    def verify(self) -> str:
        """Verifies the other source."""
        return self.source.verify()

    def prepare(self) -> str:
        """Prepares the other source."""
        return self.source.prepare()

    def _shrunk(self, images: UInt8[Tensor, "N C H W"]) -> UInt8[Tensor, "N C h w"]:
        top, left = ((side - self.crop) // 2 for side in images.shape[2:])
        middle = images[:, :, top : top + self.crop, left : left + self.crop]
        return torch.cat([_resized(part, self.shape[1]) for part in middle.split(10_000)])


def _resized(images: UInt8[Tensor, "N C H W"], size: int) -> UInt8[Tensor, "N C h w"]:
    """In parts, since the pixels are floating-point numbers on the way."""
    pixels = F.interpolate(images.float(), size=(size, size), mode="bilinear", antialias=True)
    return pixels.round_().clamp_(0, 255).to(torch.uint8)
