"""Readout of a population of neurons per class."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.cell import State, at_rest
from snnexp.limits import Count
from snnexp.readouts.base import Readout


class Voting(Readout):
    """Takes the mean firing rate of a group of output neurons so far as the logit of their class.

        logits_c(t) = 1/(voters t) sum_(i <= t) sum_v s_(c voters + v)(i)

    Source: Wu 2019 (survey [51]), Fang 2021 (survey [56]).

    Args:
        voters: output neurons per class, >= 1.
    """

    spiking: ClassVar[bool] = True
    sums_up: ClassVar[bool] = True

    def __init__(self, voters: Count):
        super().__init__()
        self.voters = voters

    def features(self, classes: int) -> int:
        """Width of the output layer."""
        return classes * self.voters

    def initial(self, x: Float[Tensor, "B N"]) -> State:
        return at_rest(x[:, :: self.voters]), at_rest(x[:, :1])

    def step(self, x: Float[Tensor, "B N"], state: State) -> tuple[Float[Tensor, "B K"], State]:
        votes = x.to(state[0].dtype).unflatten(1, (-1, self.voters)).sum(-1)
        count, steps = state[0] + votes, state[1] + 1
        return count / (steps * self.voters), (count, steps)
