"""What every encoder offers."""

import abc
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn


class Encoder(nn.Module, abc.ABC):
    """Turns samples into the input of the network over time: images, unless an encoder says otherwise.

    An encoder whose parameters come from data also has `calibrate(images)`, to be called once with training images.
    """

    spiking: ClassVar[bool]
    """True where the output is spikes, 0 or +- one height per timestep; False where it is a real current."""
    signed: bool
    """True where negative pixel values are encoded; False where they would send nothing."""

    axes: ClassVar[tuple[str, ...]] = ("channels", "height", "width")
    """Of the samples that are encoded, in words."""

    @abc.abstractmethod
    def forward(self, images: Float[Tensor, "B *sample"], steps: range, keys: Int[Tensor, "B"]) -> Float[Tensor, "T B D Y X"]:
        """The input at the timesteps in `steps` (contiguous, from 0): a pure function of sample, its key and step."""

    @abc.abstractmethod
    def analog(self, images: Float[Tensor, "B *sample"]) -> Float[Tensor, "1 B D Y X"]:
        """What the analog form of the network sees, at its only timestep."""

    @abc.abstractmethod
    def shape(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Channels, height and width of the output for samples of such a shape."""
