"""The first event of every pixel, as the time of its only spike."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from snnexp.encoders.base import Encoder


class FirstEvent(Encoder):
    """Lets every pixel and polarity of an event camera spike once, at the time of its first event.

        t = earliest + (latest - earliest) (k + 1 - min(v, 1)) / F
            k = 0 .. F - 1 the first of F frames with an event, v > 0 what it holds; never, where
            there is none

    To be chosen for networks whose neurons spike once (strategy=single_spike), which take events
    as they come. With `slicing=first` there is one frame that holds how much of the recording is
    left at each pixel's first event, so that times are those of the events; with frames of counts
    (v >= 1) they are as fine as the frames. Where the network runs in discrete time the spike comes
    in the timestep of its frame, and behind the last frame nothing more. The analog form sees
    1 - (k + 1 - min(v, 1)) / F, 0 where there is no event.

    Source: first spikes of sensors as inputs, Kheradpisheh & Masquelier 2020 (survey [63]), there
    of images; of events this house's own.

    Args:
        earliest: time of an event in the first frame.
        latest: time at which a recording is over, above `earliest`.

    Raises:
        ValueError: latest is not above earliest.
    """

    spiking = True
    shows = "once"
    axes = ("time", "polarities", "height", "width")
    largest = 1.0
    """What the analog form sees of an event in the first frame."""

    def __init__(self, earliest: float, latest: float):
        super().__init__()
        if latest <= earliest:
            raise ValueError(
                f"latest={latest:g} is not above earliest={earliest:g}; set "
                f"encoder.latest={earliest + 1:g}"
            )
        self.earliest, self.latest = earliest, latest

    def times(
        self, images: Float[Tensor, "B F C H W"], keys: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "B C H W"]:
        """The time of the only spike of every pixel and polarity, infinity for none."""
        return self.earliest + (self.latest - self.earliest) * _passed(images)

    def forward(
        self, images: Float[Tensor, "B F C H W"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B C H W"]:
        step = torch.arange(steps.start, steps.stop, device=images.device).view(-1, 1, 1, 1, 1)
        return (_first(images) == step).to(images.dtype)

    def analog(self, images: Float[Tensor, "B F C H W"]) -> Float[Tensor, "1 B C H W"]:
        seen = 1 - _passed(images)
        return seen.clamp(min=0).to(images.dtype)[None]

    def shape(self, shape: tuple[int, int, int, int]) -> tuple[int, int, int]:
        _, channels, height, width = shape
        return channels, height, width


def _first(frames: Float[Tensor, "B F C H W"]) -> Float[Tensor, "B C H W"]:
    """The number, from 0, of the first frame with an event; infinity where there is none."""
    has = frames > 0
    number = _place(frames)[:, 0].to(torch.promote_types(frames.dtype, torch.float32))
    return number.masked_fill(~has.any(1), torch.inf)


def _passed(frames: Float[Tensor, "B F C H W"]) -> Float[Tensor, "B C H W"]:
    """The share of the recording that is over at the first event; infinity where there is none."""
    within = 1 - frames.clamp(max=1).gather(1, _place(frames))[:, 0]
    return (_first(frames) + within) / frames.shape[1]


def _place(frames: Float[Tensor, "B F C H W"]) -> Int[Tensor, "B 1 C H W"]:
    return (frames > 0).to(torch.uint8).argmax(1, keepdim=True)
