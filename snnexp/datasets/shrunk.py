"""Images of another source at another size."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor

from snnexp.datasets.base import Source, Split
from snnexp.limits import Count


class Shrunk(Source):
    """Images whose middle `crop` x `crop` pixels are shrunk to `size` x `size`, as small analog
    chips need it.

    Every new pixel is a weighted mean of all old ones it covers (bilinear with antialiasing), so
    that thin strokes grow pale and are not lost. The images of the other source must fit into
    memory.

    Source: Goeltz et al. 2021 (survey [60]): MNIST with crop 24 and size 16.

    Args:
        source: where the images come from.
        crop: side of the part that is kept, 1 to that of the images; that of the images for all of
            it.
        size: side of the new images, >= 1.
    """

    def __init__(self, source: Callable[[], Source], crop: Count, size: Count):
        source = source()
        if crop > min(source.shape[1:]):
            raise ValueError(
                f"crop={crop}: the images have {min(source.shape[1:])} pixels on a side; give "
                "1 to that many"
            )
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
        train, test = (
            Split(self._shrunk(split.input), split.labels, split.index)
            for split in self.source.read()
        )
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
