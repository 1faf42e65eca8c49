"""Synapse with two equal exponential stages."""

from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from snnexp.cell import Cell, at_rest
from snnexp.limits import Interval


class Alpha(Cell):
    """The effect of a spike rises and falls like t exp(-t): two equal exponential stages in a row.

        b = b + (x - b) / time_constant
        a = a + (b - a) / time_constant
        y = a

    Impulse response h_t = (t + 1) (1 - d)^2 d^t with d = 1 - 1/time_constant, t = 0, 1, ...; it
    sums to 1, so a constant input is its own limit, and is highest about time_constant - 1
    timesteps after the spike.

    Source: survey section II-A (alpha kernel); Comsa 2020 (survey [59]) in continuous time.

    Args:
        time_constant: of both stages, >= 1, in timesteps; 1 is instantaneous.
    """

    def __init__(self, time_constant: Annotated[float, Interval(1.0)]):
        super().__init__()
        self.time_constant = time_constant

    @property
    def stages(self) -> tuple[float, float]:
        """Time constants of its filters of first order, in timesteps."""
        return self.time_constant, self.time_constant

    def initial(
        self, x: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        return at_rest(x), at_rest(x)

    def step(
        self, x: Float[Tensor, "B *n"], state: tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]
    ) -> tuple[Float[Tensor, "B *n"], tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]]:
        b, a = state
        b = b + (x - b) / self.time_constant
        a = a + (b - a) / self.time_constant
        return a, (b, a)
