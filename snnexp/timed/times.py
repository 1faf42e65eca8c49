"""What the timed form sees in place of an encoder."""

from jaxtyping import Float, Int
from torch import Tensor, nn


class Times(nn.Module):
    """What the timed form sees in place of an encoder: the time of each pixel's spike, as one
    timestep.
    """

    spiking = True

    def __init__(self, encoder: nn.Module):
        super().__init__()
        if not hasattr(encoder, "times"):
            raise ValueError(
                f"encoder: {type(encoder).__name__} gives no spike times; set encoder=spike_time"
            )
        self.encoder = encoder

    def forward(
        self, images: Float[Tensor, "B *sample"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "1 B D Y X"]:
        return self.encoder.times(images, keys if self.training else None)[None]
