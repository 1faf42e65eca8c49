"""Max pooling of codes in windows of timesteps."""

from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import Cell, at_rest
from snnexp.layers.signal import Real, Signal, Spikes
from snnexp.limits import Count


class WindowMaximum(Cell):
    """Sends, in the same window and the same code, the largest of the values that the neurons under
    a pool are sending.

        P <- P + x                           charge: what each neuron has sent in this window so far
        y = max P - max P of the step before    fire, where the largest has grown
        P <- 0                                  reset, after the last step of a window

    Over a window the outputs add up to the maximum of the sums of the inputs, whatever these are:
    the maximum of the values, which is not the maximum of the spikes at each timestep. In a code
    that sends what counts most first, the neuron that is ahead stays ahead: of few-spikes neurons
    the output is the binary number of the largest, digit by digit, and of first spikes the first.
    No window is lost.

    Source: this project. Stockl & Maass 2021 (survey [33]) pool the values that their neurons have
    sent; these are the same values.

    Args:
        pool: where the neurons of a pool are.
        window: timesteps N of a window.
    """

    kind: ClassVar[str] = "pool"

    def __init__(self, pool: nn.MaxPool2d, window: Count):
        super().__init__()
        self.pool = pool
        self.window = window

    def initial(
        self, x: Float[Tensor, "B C H W"]
    ) -> tuple[Float[Tensor, "B C H W"], Float[Tensor, "B C h w"], int]:
        charge = at_rest(x)
        return charge, self.pool(charge), 0

    def step(self, x: Float[Tensor, "B C H W"], state: Any) -> tuple[Float[Tensor, "B C h w"], Any]:
        charge, before, k = state
        charge = charge + x
        largest = self.pool(charge)
        return largest - before, (charge, largest, k + 1) if k + 1 < self.window else self.initial(
            x
        )

    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """Of spikes, spikes: one where the largest has grown. The largest of real values is
        real.
        """
        (signal,) = signals
        return Spikes(values) if isinstance(signal, Spikes) else Real(signal.steps)
