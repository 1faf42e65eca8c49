"""Encoding part by part: pixels in reading order, some at every timestep."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from snnexp.encoders.base import Encoder
from snnexp.limits import Count


class Scan(Encoder):
    """Feeds the image as a sequence: `width` pixels at every timestep, row by row, then nothing.

        x_c,i(t) = pixel width t + i of channel c,  i = 0 .. width - 1;  0 where there is none

    With the width of the image that is a row at every timestep, with 1 it is pixel by pixel. The
    image is over after ceil(height x width of it / `width`) timesteps; T may be longer. To be
    chosen for networks that have to remember (`R128` among the layers): each part is seen once. The
    analog form sees the mean over these timesteps.

    Source: Le, Jaitly & Hinton 2015, sequential MNIST; Bellec 2018 (survey [50]).

    Args:
        width: pixels per timestep, >= 1.
    """

    spiking = False
    shows = "part_by_part"
    stands_still = False

    def __init__(self, width: Count):
        super().__init__()
        self.width = width

    def forward(
        self, images: Float[Tensor, "B C H W"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B C 1 N"]:
        parts = self._parts(images)
        beyond = max(steps.stop - len(parts), 0)
        return functional.pad(parts, (0,) * 9 + (beyond,))[steps.start : steps.stop]

    def _parts(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "T B C 1 N"]:
        pixels = images.flatten(2)
        filled = functional.pad(pixels, (0, -pixels.shape[-1] % self.width))
        return filled.unflatten(2, (-1, 1, self.width)).movedim(2, 0)

    def analog(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "1 B C 1 N"]:
        return self._parts(images).mean(0, keepdim=True)

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        return shape[0], 1, self.width
