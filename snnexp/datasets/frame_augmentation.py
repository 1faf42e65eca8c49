"""Augmentation of frames of events: all frames of a sample alike, each sample by its own key."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from snnexp.datasets.affine import seen
from snnexp.datasets.cut_mix import CutMix
from snnexp.datasets.transforms import Augmenter
from snnexp.limits import Fraction, Natural, NonNegative
from snnexp.noise import uniform

_SHIFT, _FLIP, _CUTOUT, _ROLL, _TURN, _CHOICE = -1, -2, -3, -7, -8, -9
"""Counters of the draws; those below 0 belong to no timestep."""
CHANGES = ("roll", "rotation", "shear", "cutout")
"""What `changes` chooses from."""


@dataclass(frozen=True)
class FrameAugmentation(Augmenter):
    """Shift, mirror image, roll, rotation, shear and cutout, a pure function of the sample's key.

        rolled    moved by (r, c) pixels, what leaves on one side comes in on the other
        turned    y(p) = x(S R(-a) (p - d)): mirrored, sheared, turned about the middle by a, moved
                  by d; the nearest pixel, none from beyond the frame
        cut       no events in a square with a random centre, cut off at the border

    All frames and both polarities of a sample are changed in the same way, so that what moves goes
    on as it did. Counts are moved and never mixed. With `changes=one` every sample gets one of
    roll, rotation, shear and cutout, of those that are not 0 here, as in Li 2022; shift, mirror
    image and CutMix are apart from these. But for CutMix the batch a sample is in changes nothing,
    and the device nothing at all. Not for mirroring: classes that differ in left and right, such as
    gestures of one hand.

    Source: Li 2022, neuromorphic data augmentation (NDA): mirror image, then one of roll (5 pixels
    of 48), rotation (30 degrees) and shear (30 degrees) on CIFAR10-DVS; cutout DeVries and Taylor
    2017.

    Args:
        shift: largest move either way, in whole pixels; 0 for none.
        flip: whether half of the samples are mirrored, left and right.
        roll: largest roll either way, in whole pixels; 0 for none.
        rotation: largest angle either way, in degrees; 0 for none.
        shear: largest angle by which vertical lines are inclined either way, in degrees, below 90;
            0 for none.
        cutout: side of the square in pixels; 0 for none.
        changes: whether a sample gets `all` of roll, rotation, shear and cutout, or `one` of them.
        cutmix: share of the batches into whose samples a rectangle of another sample is put, with
            the share of its label; see `CutMix`. 0 for none.
    """

    shift: Natural
    flip: bool
    roll: Natural
    rotation: NonNegative
    shear: NonNegative
    cutout: Natural
    changes: Literal["all", "one"]
    cutmix: Fraction

    takes = "frames"

    @property
    def mixing(self) -> CutMix | None:
        """What mixes whole batches."""
        return CutMix(self.cutmix) if self.cutmix else None

    def check(self, shape: tuple[int, ...]) -> None:
        """Raises `ValueError` where a move leads beyond frames of this shape, or an angle to
        nowhere.
        """
        side = min(shape[-2:])
        for key in ("shift", "roll"):
            if getattr(self, key) >= side:
                raise ValueError(
                    f"augmentation.{key}: frames of {shape[-2]} x {shape[-1]} pixels cannot be "
                    f"moved that far; set dataset.augmentation.{key}={side - 1} or less"
                )
        if self.shear >= 90:
            raise ValueError(
                "augmentation.shear: expected an angle below 90 degrees, got "
                f"{self.shear:g}; set dataset.augmentation.shear=30.0"
            )

    def of_epoch(self, seed: int, epoch: int) -> Callable[[Tensor, Tensor], Tensor]:
        """Itself: what is done is the same in all epochs, their keys differ."""
        return self

    def __call__(
        self, frames: Shaped[Tensor, "B T C H W"], keys: Int[Tensor, "B"]
    ) -> Shaped[Tensor, "B T C H W"]:
        """The changed frames; without a step that changes anything, the frames themselves."""
        maps = frames.flatten(1, 2)
        gets = self._chosen(keys)
        if self.roll:
            maps = self._rolled(maps, keys, gets["roll"])
        if self.shift or self.flip or self.rotation or self.shear:
            maps = seen(maps, *self._places(maps, keys, gets))
        if self.cutout:
            maps = maps.masked_fill(self._covered(maps, keys, gets["cutout"]), 0)
        return maps.view_as(frames)

    def _chosen(self, keys: Tensor) -> dict[str, Bool[Tensor, "B"]]:
        """Which samples get which change."""
        there = [name for name in CHANGES if getattr(self, name)]
        if self.changes == "all":
            return dict.fromkeys(there, torch.ones_like(keys, dtype=torch.bool))
        drawn = (uniform(keys, _CHOICE, (1,))[:, 0] * len(there)).long()
        return {name: drawn == number for number, name in enumerate(there)}

    def _rolled(self, maps: Tensor, keys: Tensor, gets: Tensor) -> Tensor:
        down, across = (_whole(keys, _ROLL, self.roll) * gets[:, None]).unbind(1)
        height, width = maps.shape[2:]
        rows = (torch.arange(height, device=keys.device) - down[:, None]) % height
        columns = (torch.arange(width, device=keys.device) - across[:, None]) % width
        places = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)
        return maps.flatten(2).gather(2, _of_all(places, maps)).view_as(maps)

    def _places(
        self, maps: Tensor, keys: Tensor, gets: dict[str, Tensor]
    ) -> tuple[Float[Tensor, "B H W"], Float[Tensor, "B H W"]]:
        """Where every pixel comes from, from the middle of the frames."""
        moved = _whole(keys, _SHIFT, self.shift)[:, :, None]
        rows, columns = (
            torch.arange(extent, device=keys.device) - (extent - 1) / 2 - moved[:, axis]
            for axis, extent in enumerate(maps.shape[2:])
        )
        turn, lean = self._angles(keys, gets)
        y, x = rows[:, :, None], columns[:, None, :]
        y, x = y * turn.cos() - x * turn.sin(), y * turn.sin() + x * turn.cos()
        x = x + y * lean.tan()
        return y, torch.where(self._mirrored(keys), -x, x)

    def _angles(self, keys: Tensor, gets: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Of rotation and of shear, in radians, `[B, 1, 1]`; 0 for samples that get none."""
        signed = 2 * uniform(keys, _TURN, (2,)) - 1
        largest = {"rotation": self.rotation, "shear": self.shear}
        turn, lean = (
            signed[:, place] * math.radians(angle) * gets.get(name, 0)
            for place, (name, angle) in enumerate(largest.items())
        )
        return turn[:, None, None], lean[:, None, None]

    def _mirrored(self, keys: Tensor) -> Bool[Tensor, "B 1 1"]:
        half = uniform(keys, _FLIP, (1,)) < 0.5
        return (half & self.flip)[:, :, None]

    def _covered(self, maps: Tensor, keys: Tensor, gets: Tensor) -> Bool[Tensor, "B 1 H W"]:
        """What the square covers."""
        rows, columns = (
            _within(uniform(keys, _CUTOUT, (2,))[:, axis, None] * extent, self.cutout, extent)
            for axis, extent in enumerate(maps.shape[2:])
        )
        return (rows[:, :, None] & columns[:, None, :] & gets[:, None, None])[:, None]


def _whole(keys: Int[Tensor, "B"], counter: int, largest: int) -> Int[Tensor, "B 2"]:
    """Two whole numbers from -largest to largest per sample, one for each axis of a frame."""
    return (uniform(keys, counter, (2,)) * (2 * largest + 1)).long() - largest


def _within(middle: Float[Tensor, "B 1"], side: int, extent: int) -> Bool[Tensor, "B N"]:
    """Which lines of an axis a square of this side covers."""
    first = middle.long() - side // 2
    line = torch.arange(extent, device=middle.device)
    return (line >= first) & (line < first + side)


def _of_all(places: Int[Tensor, "B N"], maps: Tensor) -> Int[Tensor, "B C N"]:
    return places[:, None].expand(-1, maps.shape[1], -1)
