"""Temporal switch coding: a pixel as the time between two spikes."""

from typing import Annotated

import torch
from jaxtyping import Float, Int
from torch import Tensor

from snnexp.cell import changes
from snnexp.encoders.base import Encoder
from snnexp.limits import Interval


class Switch(Encoder):
    """Sends two spikes per pixel and window of N steps; the first switches the synapse on, the
    second, of the other sign, off.

        c = floor(|x| (N - 1)),  |x| <= 1
        sign(x) at step 0 and -sign(x) at step c of every window; nothing where c = 0
        output = sign(x) 1[k < c] at step k: the level between the two spikes

    A synapse that adds spikes to its current and the current to the potential delivers w c sign(x)
    per window. The output is the running sum of the spikes, and a spike is a change of it. Values
    beyond +-1 are those of +-1.

    Source: Han & Roy 2020 (survey [39]); there spikes are at steps 1 and p* = floor(|x| (N - 1)) +
    1, counted from 1.

    Args:
        window: steps N, >= 2; those of the neurons.
    """

    spiking = True
    pixels = "signed"
    shows = "every_window"

    def __init__(self, window: Annotated[int, Interval(2.0)]):
        super().__init__()
        self.window = window

    def forward(
        self, images: Float[Tensor, "B C H W"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B C H W"]:
        # Half precision cannot tell late steps apart.
        x = images.to(torch.promote_types(images.dtype, torch.float32))
        length = (x.abs().clamp(max=1) * (self.window - 1)).floor()
        place = (
            torch.arange(steps.start, steps.stop, device=images.device)
            .remainder(self.window)
            .view(-1, 1, 1, 1, 1)
        )
        return (x.sign() * (place < length)).to(images.dtype)

    def spikes(
        self, y: Float[Tensor, "T B *n"], before: Float[Tensor, "B *n"] | None
    ) -> Float[Tensor, "T B *n"]:
        """How many spikes an output stands for: one where it changes; `before` is the output of the
        step before the first.
        """
        return changes(y, before)

    def analog(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "1 B C H W"]:
        return images.clamp(-1.0, 1.0)[None]

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        return shape
