"""Channels weighted by what the whole map shows."""

from jaxtyping import Float
from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Multiplies every channel by a number between 0 and 1 that depends on the averages of all channels over the map.

        y = s sigmoid(W2 fire(W1 mean_HW(s)))

    Source: Hu 2018. The gate itself is real-valued in every form of a network.

    Args:
        squeeze: unit from `[T, B, C, H, W]` to `[T, B, D, 1, 1]`.
        excite: connection from there to the gates `[T, B, C, 1, 1]`.
    """

    def __init__(self, squeeze: nn.Module, excite: nn.Module):
        super().__init__()
        self.squeeze, self.excite = squeeze, excite

    def forward(self, x: Float[Tensor, "T B C H W"]) -> Float[Tensor, "T B C H W"]:
        return x * self.excite(self.squeeze(x)).sigmoid()
