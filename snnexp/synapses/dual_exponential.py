"""Synapse with two exponential stages of different time constants."""

import math

from jaxtyping import Float
from torch import Tensor

from snnexp.cell import Cell, at_rest
from snnexp.limits import Positive


class DualExponential(Cell):
    """The effect of a spike rises with one time constant and decays with another.

        b = r b + (1 - r) x,  r = exp(-1 / rise)
        a = d a + (1 - d) b,  d = exp(-1 / decay)
        y = a

    This is the second-order filter a_t = (d + r) a_{t-1} - d r a_{t-2} + (1 - d) (1 - r) x_t with
    fixed coefficients, run as two first-order stages because those keep their precision when both
    time constants are long. Impulse response h_t = (1 - d) (1 - r) (d^(t+1) - r^(t+1)) / (d - r), t
    = 0, 1, ...; it sums to 1, so a constant input is its own limit. The published filter has the
    input coefficient d - r, hence (d - r) / ((1 - d) (1 - r)) times this output, a factor for the
    weights: 2.94 at rise 1, decay 4. The two time constants may be exchanged, and may be equal.

    Source: Fang 2020 (survey [55]), whose membrane and synapse time constants are decay and rise.

    Args:
        rise: time constant of the first stage, > 0, in timesteps.
        decay: time constant of the second stage, > 0, in timesteps.
    """

    def __init__(self, rise: Positive, decay: Positive):
        super().__init__()
        self.r = math.exp(-1 / rise)
        self.d = math.exp(-1 / decay)

    @property
    def stages(self) -> tuple[float, float]:
        """Time constants of its filters of first order, in timesteps."""
        return 1 / (1 - self.r), 1 / (1 - self.d)

    def initial(
        self, x: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        return at_rest(x), at_rest(x)

    def step(
        self, x: Float[Tensor, "B *n"], state: tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]
    ) -> tuple[Float[Tensor, "B *n"], tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]]:
        b, a = state
        b = b + (1 - self.r) * (x - b)
        a = a + (1 - self.d) * (b - a)
        return a, (b, a)
