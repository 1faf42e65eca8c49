"""Neuron that takes spikes back: the signed neuron with memory."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import at_rest
from snnexp.limits import Fraction, Positive
from snnexp.neurons.base import Neuron
from snnexp.neurons.threshold import Threshold


class Signed(Neuron):
    """Integrates without leak, fires, and sends a negative spike where it has fired more than its
    input was worth.

        u = v + x                                                               charge
        s = 1[u >= threshold] - 1[u <= -threshold and memory > 0]               fire
        v = u - threshold s,  memory <- memory + s                              reset
        y = s  (unit)  or  threshold s  (threshold)                             emit

    The memory is what the neuron has sent so far, so its sum never falls below zero: a rectifier.
    In the reset s counts as a constant. The state is (v, memory).

    Source: Wang 2022, signed neuron with memory, as restated in public code; beyond the survey, for
    conversion (section III-A).

    Args:
        threshold: distance from zero at which a spike of either sign is fired, > 0, in units of the
            input current.
        initial_potential: potential before the first timestep, in [0, 1], as a fraction of the
            threshold.
        amplitude: height of an emitted spike, 1 (unit) or the threshold.
        surrogate: distance beyond a threshold to spikes, with a slope for the backward pass.
    """

    def __init__(
        self,
        threshold: Positive,
        initial_potential: Fraction,
        amplitude: Literal["unit", "threshold"],
        surrogate: nn.Module,
    ):
        super().__init__()
        self.amplitude = amplitude
        self.surrogate = surrogate
        self.threshold = Threshold(threshold, initial_potential)

    def initial(
        self, x: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        return at_rest(x, self.threshold.initial_potential), at_rest(x)

    def step(
        self, x: Float[Tensor, "B *n"], state: tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]
    ) -> tuple[Float[Tensor, "B *n"], tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]]:
        v, memory = state
        u = v + x
        s = self.surrogate(u - self.threshold.value) - self.surrogate(-self.threshold.value - u) * (
            memory > 0
        )
        y = s if self.amplitude == "unit" else self.threshold.value * s
        return y, (u - self.threshold.value * s.detach(), memory + s.detach())

    def set_threshold(self, value: float, initial_potential: Fraction) -> None:
        """Changes the threshold, and with it the potential at the start, given as a fraction of the
        threshold.
        """
        self.threshold.set(value, initial_potential)

    def charge(self, potential: Float[Tensor, "*n"]) -> None:
        """Adds to the potential at the start, which may then be another for each neuron."""
        self.threshold.charge(potential)
