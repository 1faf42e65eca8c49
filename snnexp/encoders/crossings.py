"""Encoding pixel by pixel, in spikes where the brightness crosses levels."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from snnexp.encoders.base import Encoder
from snnexp.limits import Count


class Crossings(Encoder):
    """Reads the image pixel by pixel and sends a spike for every level that the brightness crosses.

        rises_l(t) = 1[p(t - 1) < level_l <= p(t)]
        falls_l(t) = 1[p(t) < level_l <= p(t - 1)]
        cue(t)     = 1[the image is over]

    p(t) is pixel t in reading order, p(-1) = 0; the levels are l / `levels` with l = 1 .. `levels`.
    T beyond the number of pixels is time to answer, in which the cue fires. Channels in this order:
    for every channel of the image its rises, then its falls; last the cue. The analog form sees how
    often each level is crossed, by the number of pixels.

    Source: Bellec 2018 (survey [50], public code), with 40 levels from 0 to 1, of which that at 0
    never speaks, and that at 1 speaks at every white pixel.

    Args:
        levels: of brightness, >= 1.
    """

    spiking = True
    pixels = "unit"
    shows = "part_by_part"
    stands_still = False
    own_scale = True

    def __init__(self, levels: Count):
        super().__init__()
        self.levels = levels

    def forward(
        self, images: Float[Tensor, "B C H W"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B D 1 1"]:
        spikes = self._spikes(images)
        shown = spikes[steps.start : steps.stop]
        cue = torch.arange(steps.start, steps.stop, device=images.device) >= len(spikes)
        shown = functional.pad(shown, (0,) * 5 + (len(steps) - len(shown),))
        cues = cue.to(images.dtype).view(-1, 1, 1).expand(-1, len(images), 1)
        return torch.cat([shown, cues], 2)[..., None, None]

    def _spikes(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "P B D"]:
        pixels = images.flatten(2)
        levels = torch.arange(1, self.levels + 1, device=images.device) / self.levels
        above = pixels[..., None] >= levels.to(images.dtype)
        before = functional.pad(above, (0, 0, 1, 0))[:, :, :-1]
        crossed = torch.cat([above & ~before, before & ~above], -1)
        return crossed.movedim(2, 0).flatten(2).to(images.dtype)

    def analog(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "1 B D 1 1"]:
        mean = functional.pad(self._spikes(images).mean(0, keepdim=True), (0, 1))
        return mean[..., None, None]

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        return shape[0] * 2 * self.levels + 1, 1, 1
