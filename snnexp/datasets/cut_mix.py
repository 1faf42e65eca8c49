"""Two samples in one, side by side."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Int, Int64, Shaped
from torch import Tensor

from snnexp.noise import sample_keys, uniform

_MIXED, _SHARE, _PLACE, _OTHER = -10, -11, -12, -13
"""Counters of the draws; those below 0 belong to no timestep."""


class Box(NamedTuple):
    """A rectangle of a frame: rows from `top` to before `bottom`, columns from `left` to before
    `right`.
    """

    top: int
    bottom: int
    left: int
    right: int

    @property
    def area(self) -> int:
        """Pixels that it holds."""
        return (self.bottom - self.top) * (self.right - self.left)


class Blend(NamedTuple):
    """The labels of what has been put into a batch, and which share of its loss is of its own
    labels.
    """

    labels: Int64[Tensor, "B"]
    share: float

    def leading(self, own: Int64[Tensor, "B"]) -> Int64[Tensor, "B"]:
        """The labels of the larger part of each sample."""
        return own if self.share >= 0.5 else self.labels


@dataclass(frozen=True)
class CutMix:
    """Puts into each sample of a batch a rectangle of another sample of the set.

        r ~ U[0, 1),  sides H sqrt(r) and W sqrt(r) about a random pixel, cut off at the border
        x  = x_b inside the rectangle, x_a outside, at every timestep and in all channels
        L  = s L(y_a) + (1 - s) L(y_b),   s = 1 - pixels of the rectangle / (H W)

    The rectangle, and so s, are the batch's, which is why any loss that is a mean can be taken; the
    other sample is drawn by the sample's own key, as it is augmented in this epoch. Who else is in
    the batch and how many processes share it change nothing. For sets that are small for the
    network, where labels of a part of the picture make sense; not where the classes differ in a
    small place.

    Source: Yun 2019, CutMix, with the share from Beta(1, 1), and a share of batches that are mixed
    (0.5 on CIFAR there); of events: Li 2022 (NDA).

    Args:
        batches: share of the batches that are mixed, in (0, 1].
    """

    batches: float

    def box(self, seed: int, epoch: int, batch: int, size: tuple[int, int]) -> Box | None:
        """The rectangle of a batch, by its number from 0, in frames of (H, W); None for a batch
        that is not mixed.
        """
        key = sample_keys(seed, epoch, torch.tensor([-1 - batch]))
        if float(uniform(key, _MIXED, (1,))) >= self.batches:
            return None
        side = math.sqrt(float(uniform(key, _SHARE, (1,))))
        middles = uniform(key, _PLACE, (2,))[0].tolist()
        rows, columns = (
            _span(int(middle * extent), side * extent, extent)
            for middle, extent in zip(middles, size, strict=True)
        )
        return Box(*rows, *columns)

    def others(self, keys: Int[Tensor, "B"], count: int) -> Int64[Tensor, "B"]:
        """The places, of `count`, of the samples that are put into those with these keys."""
        return (uniform(keys, _OTHER, (1,))[:, 0].double() * count).long()


def pasted(
    own: Shaped[Tensor, "B *n H W"], other: Shaped[Tensor, "B *n H W"], box: Box
) -> Shaped[Tensor, "B *n H W"]:
    """`own` with what `other` has inside the box."""
    mixed = own.clone()
    inside = (..., slice(box.top, box.bottom), slice(box.left, box.right))
    mixed[inside] = other[inside]
    return mixed


def _span(middle: int, side: float, extent: int) -> tuple[int, int]:
    """What a side about a pixel covers of an axis."""
    first = middle - int(side) // 2
    return max(first, 0), min(first + int(side), extent)
