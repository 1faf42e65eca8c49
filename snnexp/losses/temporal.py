"""Cross-entropy of every timestep by itself."""

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from snnexp.limits import Fraction, Probability
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading


class Temporal(Loss):
    """Temporal efficient training: the output current of every timestep has to tell the classes by
    itself, and is drawn towards one value beside.

        L = (1 - regularization) 1/T sum_t CE(o(t), label)
            + regularization 1/(T S K) sum_t ||o(t) - target||^2

    where o(t) is the current of the output layer at timestep t, not the potential that has been
    summed up. With T = 1 and without the second term it is the cross-entropy. Worth choosing where
    an answer is wanted before the end: what each timestep says is trained, so that accuracy at t <
    T rises most.

    Source: Deng 2022 (TET), with its regulariser.

    Args:
        regularization: share lambda of the squared error, in [0, 1].
        target: the value phi that currents are drawn to, the threshold of the neurons.
        label_smoothing: share of the label spread evenly over the classes, in [0, 1).
    """

    of_currents: ClassVar[bool] = True
    every_timestep: ClassVar[bool] = True

    def __init__(self, regularization: Fraction, target: float, label_smoothing: Probability):
        super().__init__()
        self.regularization, self.target = regularization, target
        self.label_smoothing = label_smoothing

    def forward(self, reading: Reading, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        currents = reading.drive.to(torch.promote_types(reading.drive.dtype, torch.float32))
        told = functional.cross_entropy(
            currents.flatten(0, 1),
            labels.repeat(len(currents)),
            label_smoothing=self.label_smoothing,
        )
        drawn = (currents - self.target).square().mean()
        return (1 - self.regularization) * told + self.regularization * drawn
