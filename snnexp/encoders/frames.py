"""Frames of events, one at every timestep."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from snnexp.encoders.base import Encoder
from snnexp.limits import Count
from snnexp.noise import uniform

_DRAWN = -10  # counter of the draw of frames, apart from those of augmentation and of timesteps


class Frames(Encoder):
    """Shows a recording of an event camera frame by frame, each event as a spike.

        x(t) = counts of events in frame t of the sample, t = 1 .. T
        with `drawn` = n, in training: in the t-th of n random frames

    To be chosen for data sets of events, whose samples are counts [T, 2, H, W]. A count of n is n
    spikes, in what weights add up as in what is counted. The analog form sees the mean frame. T of
    a run is the number of frames at most, in training at most `drawn`; what a frame is, the data
    set says. Random frames are drawn anew for every sample and epoch, and shown in their order. A
    pure function of sample, key and timestep.

    Source: frames of events as in Fang 2021 (survey [56]) and Zheng 2021 (survey [57]); random
    frames: Fang 2021 SEW (survey [68]), 12 of 16 on DVS128 Gesture.

    Args:
        drawn: frames of a sample in training, >= 1; null for all, from the first.
    """

    spiking = True
    shows = "part_by_part"
    by_frame = True
    axes = ("time", "polarities", "height", "width")

    def __init__(self, drawn: Count | None):
        super().__init__()
        self.drawn = drawn

    def forward(
        self, images: Float[Tensor, "B F C H W"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B C H W"]:
        """The frames of these timesteps. Raises `ValueError` where there are none so late."""
        random = self.training and self.drawn is not None
        count = images.shape[1]
        _refuse_late(steps, min(count, self.drawn) if random else count)
        if not random:
            return images[:, steps.start : steps.stop].transpose(0, 1)
        shown = self._places(keys, count)[steps.start : steps.stop]
        return images[torch.arange(len(images), device=images.device), shown]

    def _places(self, keys: Int[Tensor, "B"], count: int) -> Int[Tensor, "D B"]:
        """Which frames every sample shows in training, one after the other."""
        order = uniform(keys, _DRAWN, (count,)).argsort(dim=1, stable=True)
        return order[:, : self.drawn].sort(1).values.T

    def spikes(
        self, y: Float[Tensor, "T B C H W"], before: Float[Tensor, "B C H W"] | None
    ) -> Float[Tensor, "T B C H W"]:
        """How many spikes each count stands for: as many."""
        return y

    def analog(self, images: Float[Tensor, "B F C H W"]) -> Float[Tensor, "1 B C H W"]:
        return images.mean(1)[None]

    def shape(self, shape: tuple[int, int, int, int]) -> tuple[int, int, int]:
        """Raises `ValueError` where a sample has fewer frames than are to be drawn."""
        count, *frame = shape
        if self.drawn is not None and self.drawn > count:
            raise ValueError(
                f"encoder.drawn: {self.drawn} frames cannot be drawn of {count}; set "
                f"encoder.drawn={count}"
            )
        channels, height, width = frame
        return channels, height, width


def _refuse_late(steps: range, count: int) -> None:
    if steps.stop > count:
        raise ValueError(
            f"a sample shows {count} frames, so that there is none for timestep {steps.stop}; set "
            f"timesteps={count}, or cut the recordings into more frames"
        )
