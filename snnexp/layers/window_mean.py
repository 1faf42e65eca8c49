"""What a code in windows has sent, held as a real number."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from snnexp.cell import Cell, at_rest
from snnexp.layers.signal import Real, Signal
from snnexp.limits import Count


class WindowMean(Cell):
    """Decodes the window before, and holds the value at every step of this one.

        y = value
        charge <- charge + x                             charge
        value <- charge / N, charge <- 0                 reset, after the last step of a window

    Args:
        window: timesteps N of a window.
    """

    def __init__(self, window: Count):
        super().__init__()
        self.window = window

    def initial(
        self, x: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"], int]:
        return at_rest(x), at_rest(x), 0

    def step(self, x: Float[Tensor, "B *n"], state: Any) -> tuple[Float[Tensor, "B *n"], Any]:
        charge, value, k = state
        charge = charge + x
        return value, (charge, value, k + 1) if k + 1 < self.window else (
            at_rest(x),
            charge / self.window,
            0,
        )

    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """Real numbers: the values of a window."""
        return Real(len(values))
