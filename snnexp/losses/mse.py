"""Squared error of the rates at the last timestep."""

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading


class MSE(Loss):
    """Squared distance between the last logits (with a spiking readout the firing rates) and the
    one-hot label y.

        mean       L = 1/(S K) sum_s ||y_s - logits_s(T)||^2
        half_sum   L = 1/(2 S) sum_s ||y_s - logits_s(T)||^2

    Source: Wu 2018 (survey [31]); `half_sum` is survey eq. 8, `mean` the authors' public code.

    Args:
        reduction: how the squares are brought to one number.
    """

    def __init__(self, reduction: Literal["mean", "half_sum"]):
        super().__init__()
        self.reduction = reduction

    def forward(self, reading: Reading, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        final = reading.answer
        squares = (functional.one_hot(labels, final.shape[-1]) - final).square()
        return squares.mean() if self.reduction == "mean" else squares.sum() / (2 * len(labels))
