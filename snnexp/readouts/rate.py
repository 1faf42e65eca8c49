"""Readout of firing rates."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.cell import State, at_rest
from snnexp.readouts.base import Readout


class Rate(Readout):
    """Takes the firing rate of each output neuron so far as the logit of its class.

        logits(t) = 1/t sum_(i <= t) s(i) if average, else sum_(i <= t) s(i)

    Source: Wu 2018 (survey [31]), survey eq. 8; the count: Wu 2019 (survey [46]), survey eq. 3 and
    5.

    Args:
        average: whether the count is divided by the steps so far, which keeps logits comparable
            between numbers of timesteps.
    """

    spiking: ClassVar[bool] = True
    sums_up: ClassVar[bool] = True

    def __init__(self, average: bool):
        super().__init__()
        self.average = average

    def features(self, classes: int) -> int:
        """Width of the output layer."""
        return classes

    def initial(self, x: Float[Tensor, "B K"]) -> State:
        return at_rest(x), at_rest(x[:, :1])

    def step(self, x: Float[Tensor, "B K"], state: State) -> tuple[Float[Tensor, "B K"], State]:
        count, steps = state[0] + x, state[1] + 1
        return count / steps if self.average else count, (count, steps)
