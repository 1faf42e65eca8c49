"""Synapse with one exponential stage."""

from typing import Annotated, ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.cell import Cell, at_rest
from snnexp.limits import Interval


class Exponential(Cell):
    """The effect of a spike jumps and decays exponentially.

        a = a + (x - a) / time_constant
        y = a

    Impulse response h_t = (1 - d) d^t with d = 1 - 1/time_constant, t = 0, 1, ...; it sums to 1, so
    a constant input is its own limit.

    Source: Zhang & Li 2020 (survey [54]).

    Args:
        time_constant: decay of the current, >= 1, in timesteps; 1 is instantaneous.
    """

    first_order: ClassVar[bool] = True

    def __init__(self, time_constant: Annotated[float, Interval(1.0)]):
        super().__init__()
        self.time_constant = time_constant

    @property
    def stages(self) -> tuple[float]:
        """Time constants of its filters of first order, in timesteps."""
        return (self.time_constant,)

    def initial(self, x: Float[Tensor, "B *n"]) -> tuple[Float[Tensor, "B *n"]]:
        return (at_rest(x),)

    def step(
        self, x: Float[Tensor, "B *n"], state: tuple[Float[Tensor, "B *n"]]
    ) -> tuple[Float[Tensor, "B *n"], tuple[Float[Tensor, "B *n"]]]:
        (a,) = state
        a = a + (x - a) / self.time_constant
        return a, (a,)
