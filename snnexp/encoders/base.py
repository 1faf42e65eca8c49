"""What every encoder offers."""

import abc
from typing import ClassVar, Literal

from jaxtyping import Float, Int
from torch import Tensor, nn


class Encoder(nn.Module, abc.ABC):
    """Turns samples into the input of the network over time: images, unless an encoder says
    otherwise.

    The check asks a class for the abilities below, never for its name. Methods are abilities too:

        calibrate(images)       sets parameters from training images, before anything else
        times(images, keys)     the time of each pixel's spike, for the timed form; with `largest`,
                                the pixel whose spike comes at 0
        spikes(y, before)       how many spikes an output stands for, if not y != 0
        products(images)        products of weights and pixels that encoding takes

    So are settings: `timesteps` is what it is made for, `duration` the timesteps in which it sends,
    `latest` the time of its last spikes in steps of `step`, `window` the timesteps of a window,
    `rate_scale` the pixel that fires at every timestep.
    """

    spiking: ClassVar[bool] = False
    """Whether the output is spikes, 0 or +- one height per timestep, or whole numbers of them that
    `spikes` tells; else it is a real current."""
    pixels: Literal["unit", "signed", "any"] = "any"
    """What it takes pixels to be: in [0, 1], as a probability or a latency; in [-1, 1], beyond
    which it cuts them; or any numbers. An encoder may choose by its settings."""
    shows: ClassVar[Literal["every_step", "every_window", "part_by_part", "once"]] = "every_step"
    """Where over time the image is: in every timestep, if only on average; in every `window` of
    timesteps; in pieces that come one after the other; or once, and then nothing more comes."""
    adds_up: ClassVar[bool] = False
    """Whether all that it ever sends adds up to what the analog form sees."""
    own_scale: ClassVar[bool] = False
    """Whether its spikes stand for the image at a scale that is not that of the analog form."""

    by_frame: ClassVar[bool] = False
    """Whether it sends one frame of events at every timestep, so that T is the number of frames at
    most, and a clocked layer behind it would multiply every frame."""
    stands_still: ClassVar[bool] = True
    """Whether the analog form sees the image in its only timestep; of one that is read pixel after
    pixel it would see a mean, which says nothing of what was shown."""

    axes: ClassVar[tuple[str, ...]] = ("channels", "height", "width")
    """Of the samples that are encoded, in words."""

    @abc.abstractmethod
    def forward(
        self, images: Float[Tensor, "B *sample"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B D Y X"]:
        """The input at the timesteps in `steps` (contiguous, from 0): a pure function of sample,
        its key and step.
        """

    @abc.abstractmethod
    def analog(self, images: Float[Tensor, "B *sample"]) -> Float[Tensor, "1 B D Y X"]:
        """What the analog form of the network sees, at its only timestep."""

    @abc.abstractmethod
    def shape(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Channels, height and width of the output for samples of such a shape."""
