"""Direct encoding: the pixel values themselves, at every timestep."""

from jaxtyping import Float, Int
from torch import Tensor

from snnexp.encoders.base import Encoder


class Direct(Encoder):
    """Feeds the image as a constant real current; the first layer of neurons turns it into spikes
    (the "encoding layer").

        x(t) = x

    The image is expanded over time without a copy, so that the first layer of weights is computed
    once.

    Source: Wu 2019 (survey [51]), Deng 2020 (survey [75]); survey section IV-B1.
    """

    spiking = False

    def forward(
        self, images: Float[Tensor, "B C H W"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B C H W"]:
        return images.expand(len(steps), *images.shape)

    def analog(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "1 B C H W"]:
        return images[None]

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        return shape
