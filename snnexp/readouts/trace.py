"""Readout of the traces that spikes leave."""

from typing import Annotated, ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.cell import State, at_rest
from snnexp.limits import Interval
from snnexp.readouts.base import Readout


class Trace(Readout):
    """Takes the sum of what the spikes of an output neuron leave behind as the logit of its class.

        a = a + (s - a) / time_constant
        logits(t) = sum_(i <= t) a(i) / sum_(i <= t) b(i)

    where b is the trace of a neuron that fires at every timestep, which keeps logits in [0, 1] and
    changes no decision. Of two neurons with as many spikes the earlier one is ahead, so that there
    are fewer ties than with rates.

    Source: Zhang & Li 2020 TSSL-BP (survey [54], public code), which takes the sum.

    Args:
        time_constant: decay of the trace, >= 1, in timesteps; 1 makes it the rate.
    """

    spiking: ClassVar[bool] = True

    def __init__(self, time_constant: Annotated[float, Interval(1.0)]):
        super().__init__()
        self.time_constant = time_constant

    def features(self, classes: int) -> int:
        """Width of the output layer."""
        return classes

    def initial(self, x: Float[Tensor, "B K"]) -> State:
        return at_rest(x), at_rest(x), at_rest(x[:, :1]), at_rest(x[:, :1])

    def step(self, x: Float[Tensor, "B K"], state: State) -> tuple[Float[Tensor, "B K"], State]:
        trace, total, full, largest = state
        trace = trace + (x - trace) / self.time_constant
        full = full + (1 - full) / self.time_constant
        total, largest = total + trace, largest + full
        return total / largest, (trace, total, full, largest)
