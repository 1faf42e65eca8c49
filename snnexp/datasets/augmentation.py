"""Augmentation of whole batches, each sample by its own key."""

from dataclasses import dataclass
from typing import Any, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Int, Shaped
from torch import Tensor

from snnexp.datasets.auto_augment import Policy, auto_augment
from snnexp.limits import Natural
from snnexp.noise import uniform

_CROP, _FLIP, _CUTOUT = -1, -2, -3  # counters of the draws; those below 0 belong to no timestep


@dataclass(frozen=True)
class Augmentation:
    """Random crop, horizontal flip, AutoAugment and cutout, a pure function of the sample's key.

        y = x padded with zeros, seen through an H x W window at a random offset, mirrored with probability 1/2,
            changed by a random pair of operations of a policy, zero in a square with a random centre

    The batch a sample is in and the device change nothing. Zero is the black pixel when `images` are pixels: augment before
    normalising. The square is cut off at the border, so that it covers less there.

    Source: crop and flip of He et al. 2016 for CIFAR; cutout of DeVries and Taylor 2017; AutoAugment of Cubuk et al. 2019.

    Args:
        crop_padding: zero pixels added on every side before the crop; 0 for no crop.
        flip: whether half of the samples are mirrored.
        auto_augment: the policy, by the data set it was learned on; None for none. It takes pixels 0 to 255 alone.
        cutout: side of the square in pixels; 0 for none.
    """

    crop_padding: Natural
    flip: bool
    auto_augment: Policy | None
    cutout: Natural

    @staticmethod
    def of(settings: dict[str, Any]) -> "Augmentation":
        """The nested mapping as an object; a plain mapping has no signature that the configuration check could read.

        Raises:
            ValueError: a key or a value is wrong.
        """
        kinds = {"crop_padding": int, "flip": bool, "cutout": int}
        policies = get_args(Policy)
        wrong = sorted(set(settings) ^ {*kinds, "auto_augment"}) or [
            *(key for key, kind in kinds.items() if type(settings[key]) is not kind or settings[key] < 0),
            *(["auto_augment"] if settings["auto_augment"] not in (None, *policies) else []),
        ]
        if wrong:
            known = "crop_padding and cutout (whole numbers >= 0), flip (true or false) and auto_augment"
            raise ValueError(f"augmentation.{wrong[0]}: the keys are {known} (null, {', '.join(policies)})")
        return Augmentation(**settings)

    def __call__(self, images: Shaped[Tensor, "B C H W"], keys: Int[Tensor, "B"]) -> Shaped[Tensor, "B C H W"]:
        """The augmented images; without a step that changes anything, the images themselves."""
        if self.crop_padding or self.flip:
            images = self._moved(images, keys)
        if self.auto_augment:
            images = auto_augment(images, keys, self.auto_augment)
        return self._cut(images, keys) if self.cutout else images

    def _moved(self, images: Tensor, keys: Tensor) -> Tensor:
        """Crop and flip as one gather of pixels: several times faster than any copy per sample."""
        height, width = images.shape[2:]
        offsets = integers(keys, _CROP, 2 * self.crop_padding + 1)
        rows = offsets[:, :1] + torch.arange(height, device=keys.device)
        columns = offsets[:, 1:] + self._mirrored(torch.arange(width, device=keys.device), keys)
        places = rows[:, :, None] * (width + 2 * self.crop_padding) + columns[:, None, :]
        padded = F.pad(images, (self.crop_padding,) * 4).flatten(2)
        return padded.gather(2, places.flatten(1)[:, None].expand(-1, images.shape[1], -1)).view_as(images)

    def _mirrored(self, columns: Tensor, keys: Tensor) -> Tensor:
        """The columns of every sample, in reverse for the mirrored ones."""
        if not self.flip:
            return columns
        return torch.where(uniform(keys, _FLIP, (1,)) < 0.5, columns.flip(0), columns)

    def _cut(self, images: Tensor, keys: Tensor) -> Tensor:
        rows, columns = (self._covered(keys, axis, size) for axis, size in enumerate(images.shape[2:]))
        return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0)

    def _covered(self, keys: Tensor, axis: int, size: int) -> Tensor:
        """Which lines of an axis the square covers: `[B, size]`."""
        first = integers(keys, _CUTOUT, size)[:, axis, None] - self.cutout // 2
        line = torch.arange(size, device=keys.device)
        return (line >= first) & (line < first + self.cutout)


def integers(keys: Int[Tensor, "B"], counter: int, limit: int) -> Int[Tensor, "B 2"]:
    """Two whole numbers below `limit` per sample, one for each image axis."""
    return (uniform(keys, counter, (2,)) * limit).long()
