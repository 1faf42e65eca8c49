"""The network: encoder, body, output neurons, readout."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from snnexp.cell import Cell, Over
from snnexp.losses.reading import Reading


class Network(nn.Module):
    """Images to a reading: running class scores, and what the readout read.

    Args:
        encoder: images, timesteps and keys to the network's input `[T, B, C, H, W]`.
        body: input to the current of the output layer `[T, B, N]`.
        output: output neurons where the readout reads spikes, else `nn.Identity()`.
        readout: output layer to scores `[T, B, K]`.
        form: what its values are, such as "spiking" or "analog"; whoever builds it says so.
    """

    def __init__(
        self, encoder: nn.Module, body: nn.Module, output: nn.Module, readout: Cell, form: str
    ):
        super().__init__()
        self.form = form
        self.encoder = encoder
        self.body = body
        self.output = output
        self.readout = Over(readout)
        self.to(
            memory_format=torch.channels_last
        )  # pooling and half-precision convolutions are several times faster in this layout

    def forward(
        self, images: Float[Tensor, "B *sample"], steps: range, keys: Int[Tensor, "B"]
    ) -> Reading:
        current = self.body(self.encoder(images, steps, keys))
        current = current.to(torch.promote_types(current.dtype, torch.float32))
        drive = self.output(current)
        return Reading(self.readout(drive), drive)
