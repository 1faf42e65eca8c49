"""Readout of potentials whose classes are kept or dropped by chance."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.cell import State, at_rest
from snnexp.limits import Positive
from snnexp.readouts.base import Readout


class StochasticSoftmax(Readout):
    """Two potentials for each class: its score, and what its chance of being kept is read from.

        o <- o + x_o,  r <- r + x_r                                  output neurons never fire
        rho = sigmoid(r / t)                                         chance to be kept
        p = (rho + floor) exp(o / t) / sum (rho + floor) exp(o / t)
        logits(t) = o / t + ln(rho + floor)                          whose softmax p is

    The chances stand for the draws that `loss=stochastic_softmax` takes in training. To be chosen
    with that loss, as a regularisation of the last layer; without it a class has one factor more.

    Source: Panda 2020 (survey [78]); the form is that of Lee 2018, DropMax.

    Args:
        floor: what is left of a class that is dropped, > 0, as a factor on exp(o / t).
    """

    gives_chances: ClassVar[bool] = True

    def __init__(self, floor: Positive):
        super().__init__()
        self.floor = floor

    def features(self, classes: int) -> int:
        """Width of the output layer: the scores of all classes, then what chances are read from."""
        return 2 * classes

    def initial(self, x: Float[Tensor, "B N"]) -> State:
        return at_rest(x), at_rest(x[:, :1])

    def step(self, x: Float[Tensor, "B N"], state: State) -> tuple[Float[Tensor, "B K"], State]:
        u, steps = state[0] + x, state[1] + 1
        o, r = (u / steps).chunk(2, -1)
        return o + torch.log(r.sigmoid() + self.floor), (u, steps)
