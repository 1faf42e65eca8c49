"""How photographs of any size become squares: a random part for training, the middle for
evaluation.
"""

import math
from dataclasses import dataclass

import torch
from PIL import Image

from snnexp.datasets.transforms import Augmenter
from snnexp.noise import uniform

Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""

_FLIP, _CROP = -2, -4  # counters of the draws; those below 0 belong to no timestep
_TRIES = 10


@dataclass(frozen=True)
class ResizedCrop(Augmenter):
    """A random part of an image, resized, and a horizontal flip: a pure function of the sample's
    key.

        w, h = sqrt(a r), sqrt(a / r)
            a uniform in scale times the area, log r uniform in log ratio,
                drawn again until the part fits
        y = the w x h part at a random place, resized to size x size, mirrored with probability 1/2

    Source: Szegedy et al. 2015 for the crop, in torchvision's form: ten draws, then the largest
    middle part with an allowed ratio.

    Args:
        scale: smallest and largest share of the image's area, in (0, 1]; None for the middle that
            evaluation sees.
        ratio: smallest and largest width divided by height, > 0.
        flip: whether half of the samples are mirrored.
    """

    scale: list[float] | None
    ratio: list[float]
    flip: bool

    takes = "pictures"

    def __post_init__(self) -> None:
        if self.scale is not None:
            _refuse_no_range("scale", self.scale, 1.0, "[0.08,1.0]")
        _refuse_no_range("ratio", self.ratio, math.inf, "[0.75,1.33]")

    def check(self, shape: tuple[int, ...]) -> None:
        """Photographs of any size become squares of any other."""

    def of_epoch(self, seed: int, epoch: int) -> "ResizedCrop":
        """The same in all epochs."""
        return self

    def __call__(self, image: Image.Image, size: int, key: int) -> Image.Image:
        """The square of `size` pixels that the sample shows in the epoch of `key`."""
        if self.scale is None:
            square = middle(image, size)
        else:
            square = image.crop(self.box(*image.size, key)).resize(
                (size, size), Image.Resampling.BILINEAR
            )
        return (
            square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            if self.flip and _drawn(key, _FLIP, 1, 1)[0][0] < 0.5
            else square
        )

    def box(self, width: int, height: int, key: int) -> Box:
        """The part of an image of this form that is seen."""
        log_ratio = [math.log(each) for each in self.ratio]
        for share, ratio, across, down in _drawn(key, _CROP, _TRIES, 4):
            area = _between(self.scale, share) * width * height
            aspect = math.exp(_between(log_ratio, ratio))
            w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < w <= width and 0 < h <= height:
                left, top = int(across * (width - w + 1)), int(down * (height - h + 1))
                return left, top, left + w, top + h
        return self._largest(width, height)

    def _largest(self, width: int, height: int) -> Box:
        low, high = self.ratio
        w = min(width, max(1, round(height * high)))
        h = min(height, max(1, round(width / low)))
        left, top = (width - w) // 2, (height - h) // 2
        return left, top, left + w, top + h


def middle(image: Image.Image, size: int) -> Image.Image:
    """The shorter side brought to `size` * 256 / 224, and the middle square of `size` cut out: what
    evaluation sees.

    Source: the evaluation of Krizhevsky et al. 2012 (256 and 224 pixels), in torchvision's form.
    """
    shorter = round(size * 256 / 224)
    width, height = (shorter * side // min(image.size) for side in image.size)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return image.resize((width, height), Image.Resampling.BILINEAR).crop(
        (left, top, left + size, top + size)
    )


def _drawn(key: int, counter: int, rows: int, columns: int) -> list[list[float]]:
    return uniform(torch.tensor([key]), counter, (rows, columns))[0].tolist()


def _between(ends: list[float], share: float) -> float:
    return ends[0] + share * (ends[1] - ends[0])


def _refuse_no_range(name: str, ends: list[float], limit: float, usual: str) -> None:
    if len(ends) != 2 or not 0 < ends[0] <= ends[1] <= limit or not math.isfinite(ends[1]):
        most = f" <= {limit:g}" if limit < math.inf else ""
        raise ValueError(
            f"dataset.augmentation.{name}: expected two numbers, 0 < low <= high{most}, got "
            f"{ends}; set dataset.augmentation.{name}={usual}"
        )
