"""Readout of membrane potentials."""

from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor

from snnexp.cell import State, at_rest
from snnexp.limits import Fraction
from snnexp.readouts.base import Readout


class Potential(Readout):
    """Takes the membrane potential of output neurons that never fire as the logits.

        u <- leak u + x
        logits(t) = u / t if average, else u

    Source: Rathi 2020 (survey [66]), Rathi 2021 (survey [70]); survey section IV-B2;
    straight-through leak: Lee 2020 (survey [53]).

    Args:
        leak: share of the potential kept from step to step, in [0, 1]; 1 sums the current up.
        average: whether the potential is divided by the steps so far, which keeps logits comparable
            between numbers of timesteps.
        leak_gradient: whether the backward pass multiplies with the leak (exact) or with 1
            (straight_through).
    """

    spiking: ClassVar[bool] = False
    sums_up: ClassVar[bool] = True

    def __init__(
        self,
        leak: Fraction,
        average: bool,
        leak_gradient: Literal["exact", "straight_through"],
    ):
        super().__init__()
        self.leak = leak
        self.average = average
        self.leak_gradient = leak_gradient

    def features(self, classes: int) -> int:
        """Width of the output layer."""
        return classes

    def initial(self, x: Float[Tensor, "B K"]) -> State:
        return at_rest(x), at_rest(x[:, :1])

    def step(self, x: Float[Tensor, "B K"], state: State) -> tuple[Float[Tensor, "B K"], State]:
        u, steps = self._leaked(state[0]) + x, state[1] + 1
        return u / steps if self.average else u, (u, steps)

    def _leaked(self, u: Tensor) -> Tensor:
        if self.leak_gradient == "exact":
            return self.leak * u
        # Adds an exact zero that carries the gradient of u.
        return self.leak * u.detach() + (u - u.detach())
