"""A fixed factor between a pool and the neurons it drives."""

from jaxtyping import Float
from torch import Tensor, nn


class Scale(nn.Module):
    """Multiplies by a constant.

    Args:
        factor: the constant.
    """

    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, x: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        return x * self.factor

    def spikes_behind(self, counts: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        """How many spikes are behind each value: as many as before."""
        return counts

    def extra_repr(self) -> str:
        return f"{self.factor:g}"
