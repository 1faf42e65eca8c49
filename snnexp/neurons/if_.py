"""Integrate-and-fire neuron."""

from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.kernels.scan.parameters import ScanParameters
from snnexp.limits import Fraction, Positive
from snnexp.neurons.base import Neuron
from snnexp.neurons.firing import Firing, Order


class IF(Neuron):
    """Integrates its input without leak and fires.

        u = v + x                                                 charge
        s = 1[u >= threshold]                                     fire
        v = u - threshold s  (soft)  or  u (1 - s)  (hard)        reset

    The state is the potential v after the reset. With `order=fire_before` the potential of the step before fires, so that every layer
    answers one step late:

        s = 1[v >= threshold]                                     fire
        v = v + x - threshold s  (soft)  or  v (1 - s) + x        charge, reset

    Source: survey section II-A; with soft reset the neuron of Rueckauer 2017 (survey [10]); fire_before: Rathi 2020 (survey [66]).

    Args:
        order: whether the input of a timestep charges before (fire_after) or after (fire_before) the neuron fires.
        threshold: potential at which a spike is fired, > 0, in units of the input current.
        reset: to zero (hard) or by subtraction of the threshold (soft).
        detach_reset: whether the reset passes no gradient through the spike.
        initial_potential: potential before the first timestep, in [0, 1], as a fraction of the threshold.
        amplitude: height of an emitted spike, 1 (unit) or the threshold.
        surrogate: potential minus threshold to spikes, with a slope for the backward pass.
    """

    integrates: ClassVar[bool] = True

    def __init__(
        self,
        order: Order,
        threshold: Positive,
        reset: Literal["hard", "soft"],
        detach_reset: bool,
        initial_potential: Fraction,
        amplitude: Literal["unit", "threshold"],
        surrogate: nn.Module,
    ):
        super().__init__()
        self.order = order
        self.firing = Firing(threshold, reset, detach_reset, initial_potential, amplitude, surrogate)

    def initial(self, x: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        return self.firing.at_rest(x)

    def step(self, x: Float[Tensor, "B *n"], state: Float[Tensor, "B *n"]) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        if self.order == "fire_before":
            return self.firing.before(state, lambda v: v, x)
        return self.firing(state + x)

    def set_threshold(self, value: float, initial_potential: Fraction) -> None:
        """Changes the threshold, and with it the potential at the start, given as a fraction of the threshold."""
        self.firing.set_threshold(value, initial_potential)

    def scan_parameters(self) -> ScanParameters | None:
        """What a fused scan over time needs; None where no kernel knows the surrogate or the order."""
        if self.order == "fire_before":
            return None
        return self.firing.scan_parameters(leak=1.0, gain=1.0, leak_gradient="exact")
