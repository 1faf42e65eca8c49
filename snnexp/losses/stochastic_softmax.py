"""Cross-entropy of a softmax that drops classes by chance."""

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from snnexp.limits import NonNegative, Positive
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading


class StochasticSoftmax(Loss):
    """Cross-entropy over the classes that a draw has kept, the true one always among them.

        o, r = means over time of the two currents of each class       (see the readout)
        z = sigmoid((r + ln(U / (1 - U))) / temperature),  U in (0, 1)   z = 1 for the label
        L = -1/S sum_s [ ln softmax(o + ln(z + floor))_label + retention ln sigmoid(r_label) ]

    z is a draw from the chances rho = sigmoid(r), relaxed so that it has a gradient. The second
    term is the divergence of the draws with the label kept from those of the chances: it teaches
    which classes a sample may belong to. Where no gradients are taken, as in an evaluation, it is
    the cross-entropy of the readout's scores. To be chosen against overfitting of the last layer.

    Source: Panda 2020 (survey [78]); Lee 2018, DropMax, with the chances of wrong classes as their
    own posterior.

    Args:
        floor: what is left of a class that is dropped, > 0; that of the readout.
        temperature: of the relaxed draw, > 0; near 0 it is 0 or 1.
        retention: weight of the second term, >= 0.
    """

    of_chances: ClassVar[bool] = True

    def __init__(self, floor: Positive, temperature: Positive, retention: NonNegative):
        super().__init__()
        self.floor = floor
        self.temperature = temperature
        self.retention = retention

    def forward(self, reading: Reading, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        if not torch.is_grad_enabled():
            return functional.cross_entropy(reading.answer, labels)
        drive = reading.drive.to(torch.promote_types(reading.drive.dtype, torch.float32))
        o, r = drive.mean(0).chunk(2, -1)
        truth = functional.one_hot(labels, o.shape[-1]).bool()
        z = self._drawn(r).masked_fill(truth, 1.0)
        kept = -functional.logsigmoid(r[truth]).mean()
        return functional.cross_entropy(o + torch.log(z + self.floor), labels) + (
            self.retention * kept
        )

    def _drawn(self, r: Tensor) -> Tensor:
        noise = torch.rand_like(r).logit(eps=1e-6)
        return ((r + noise) / self.temperature).sigmoid()
