"""A filter over time in front of weights."""

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import Cell, Over
from snnexp.layers.signal import Accompanied, Real, Signal


class Filter(nn.Module):
    """What comes to weights, filtered over time: spikes `[T, B, *n]` to traces `[T, B, *n]`.

    Behind spikes the weights are counted as added once for each spike, as an event-driven machine
    does that filters behind the weights; the products of the filter itself are not counted, like
    leaks. An image that stands still is another at every timestep behind the filter. Traces are not
    two-valued, so that memory=lean keeps them whole.

    Args:
        synapse: the filter.
    """

    def __init__(self, synapse: Cell):
        super().__init__()
        self.steps = Over(synapse)

    def forward(self, x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *n"]:
        return self.steps(x)

    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """The spikes that come; of real numbers others at every timestep, and for every input."""
        (signal,) = signals
        if isinstance(signal, Accompanied):
            return replace(signal, alike=1)
        return Real(len(values)) if isinstance(signal, Real) else signal
