"""Integrate-and-fire neuron."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.kernels.scan.parameters import ScanParameters
from snnexp.limits import Fraction, Positive
from snnexp.neurons.dynamics import Dynamics
from snnexp.neurons.firing import Amplitude, Firing, Order, Reset
from snnexp.neurons.integrate_and_fire import IntegrateAndFire


class IF(IntegrateAndFire):
    """Integrates its input without leak and fires.

        u = v + x                                                 charge
        s = 1[u >= threshold]                                     fire
        v = u - threshold s  (soft)  or  u (1 - s)  (hard)        reset

    The state is the potential v after the reset. With `order=fire_before` the potential of the step
    before fires, so that every layer answers one step late:

        s = 1[v >= threshold]                                     fire
        v = v + x - threshold s  (soft)  or  v (1 - s) + x        charge, reset

    Source: survey section II-A; with soft reset the neuron of Rueckauer 2017 (survey [10]);
    fire_before: Rathi 2020 (survey [66]).

    Args:
        order: whether the input of a timestep charges before (fire_after) or after (fire_before)
            the neuron fires.
        threshold, reset, detach_reset, initial_potential, amplitude, surrogate: how it fires, as
            `Firing` has them.
    """

    integrates: ClassVar[bool] = True

    def __init__(
        self,
        order: Order,
        threshold: Positive,
        reset: Reset,
        detach_reset: bool,
        initial_potential: Fraction,
        amplitude: Amplitude,
        surrogate: nn.Module,
    ):
        super().__init__(
            Firing(threshold, reset, detach_reset, initial_potential, amplitude, surrogate)
        )
        self.order = order

    def step(
        self, x: Float[Tensor, "B *n"], state: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        if self.order == "fire_before":
            return self.firing.before(state, lambda v: v, x)
        return self.firing(state + x)

    def dynamics(self) -> Dynamics:
        """What it does, in numbers."""
        return self.charged_by(leak=1.0, gain=1.0, order=self.order)

    def scan_parameters(self) -> ScanParameters | None:
        """What a fused scan over time needs; None where no kernel knows the surrogate or the
        order.
        """
        if self.order == "fire_before":
            return None
        return self.firing.scan_parameters(leak=1.0, gain=1.0, leak_gradient="exact")
