"""Cross-entropy of the logits at the last timestep."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from snnexp.limits import Probability
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading


class CrossEntropy(Loss):
    """Cross-entropy of the softmax of the last logits, averaged over the batch.

        y = (1 - label_smoothing) onehot(label) + label_smoothing / K
        L = -1/S sum_s sum_c y_sc ln softmax(logits_s(T))_c

    Source: Rathi 2020 (survey [66]).

    Args:
        label_smoothing: share of the target spread evenly over the classes, in [0, 1).
    """

    def __init__(self, label_smoothing: Probability):
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, reading: Reading, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        return functional.cross_entropy(
            reading.answer, labels, label_smoothing=self.label_smoothing
        )
