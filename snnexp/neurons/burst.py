"""Neuron that may send several spikes in one timestep."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import at_rest
from snnexp.limits import Count, Fraction, Positive
from snnexp.neurons.base import Neuron
from snnexp.neurons.threshold import Threshold


class Burst(Neuron):
    """Integrates without leak and sends as many spikes at once as its potential is worth, up to a
    limit.

        u = v + x                                             charge
        s = clip(floor(u / threshold), 0, largest)            fire
        v = u - threshold s                                   reset
        y = s  (unit)  or  threshold s  (threshold)           emit

    Backward, s is a sum of steps at threshold, 2 threshold, ..., largest threshold, each with the
    slope of the surrogate; in the reset it counts as a constant. Each spike of a burst counts as
    one. The state is the potential v after the reset.

    Source: Li & Zeng 2022, burst spikes, as restated in public code; beyond the survey, for
    conversion (section III-A).

    Args:
        threshold: potential per spike, > 0, in units of the input current.
        largest: most spikes in one timestep, >= 1; 1 is the integrate-and-fire neuron.
        initial_potential: potential before the first timestep, in [0, 1], as a fraction of the
            threshold.
        amplitude: height of an emitted spike, 1 (unit) or the threshold.
        surrogate: potential minus threshold to spikes, with a slope for the backward pass.
    """

    def __init__(
        self,
        threshold: Positive,
        largest: Count,
        initial_potential: Fraction,
        amplitude: Literal["unit", "threshold"],
        surrogate: nn.Module,
    ):
        super().__init__()
        self.largest = largest
        self.amplitude = amplitude
        self.surrogate = surrogate
        self.threshold = Threshold(threshold, initial_potential)

    def initial(self, x: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        return at_rest(x, self.threshold.initial_potential)

    def step(
        self, x: Float[Tensor, "B *n"], state: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        u = state + x
        s = sum(
            self.surrogate(u - place * self.threshold.value) for place in range(1, self.largest + 1)
        )
        y = s if self.amplitude == "unit" else self.threshold.value * s
        return y, u - self.threshold.value * s.detach()

    def spikes(
        self, y: Float[Tensor, "T B *n"], before: Float[Tensor, "B *n"] | None
    ) -> Float[Tensor, "T B *n"]:
        """How many spikes an output stands for."""
        return y if self.amplitude == "unit" else (y / self.threshold.value).round()

    def set_threshold(self, value: float, initial_potential: Fraction) -> None:
        """Changes the threshold, and with it the potential at the start, given as a fraction of the
        threshold.
        """
        self.threshold.set(value, initial_potential)

    def charge(self, potential: Float[Tensor, "*n"]) -> None:
        """Adds to the potential at the start, which may then be another for each neuron."""
        self.threshold.charge(potential)
