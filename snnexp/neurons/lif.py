"""Leaky integrate-and-fire neuron."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.kernels.scan.parameters import ScanParameters
from snnexp.limits import Fraction, Positive
from snnexp.neurons.dynamics import Dynamics
from snnexp.neurons.firing import Amplitude, Firing, Order, Reset
from snnexp.neurons.integrate_and_fire import IntegrateAndFire


class LIF(IntegrateAndFire):
    """Integrates its input, forgets a fixed share per timestep, and fires.

        u = leak v + gain x,  gain = 1  (one)  or  1 - leak  (complement)     charge
        s = 1[u >= threshold]                                                 fire
        v = u (1 - s)  (hard)  or  u - threshold s  (soft)                    reset

    The state is the potential v after the reset. With `leak_gradient=straight_through` the factor
    leak counts as 1 in the backward pass. In terms of a membrane time constant tau the leak is 1 -
    1/tau. With `order=fire_before` the potential of the step before fires, so that every layer
    answers one step late:

        s = 1[v >= threshold]                                                           fire
        v = leak v + gain x - threshold s  (soft)  or  leak v (1 - s) + gain x         charge, reset

    Source: Wu 2018 (survey [31]), survey Eq. 7 with hard reset and leak equal to its tau; soft
    reset: Kim 2021 (survey [67]); complement: Kim 2022 (survey [77]); straight-through leak: Lee
    2020 (survey [53]), which leaks after the reset: the same spikes; fire_before: Rathi 2020
    (survey [66]), Garg 2020 (survey [74]).

    Args:
        leak: share of the potential kept from one timestep to the next, in [0, 1].
        input_gain: factor on the input, 1 (one) or 1 - leak (complement), for which a constant
            input is the potential's limit.
        leak_gradient: whether the backward pass multiplies with the leak (exact) or with 1
            (straight_through).
        order: whether the input of a timestep charges before (fire_after) or after (fire_before)
            the neuron fires.
        threshold, reset, detach_reset, initial_potential, amplitude, surrogate: how it fires, as
            `Firing` has them.
    """

    def __init__(
        self,
        leak: Fraction,
        input_gain: Literal["one", "complement"],
        leak_gradient: Literal["exact", "straight_through"],
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
        self.leak = leak
        self.gain = 1.0 if input_gain == "one" else 1.0 - leak
        self.leak_gradient = leak_gradient
        self.order = order

    def step(
        self, x: Float[Tensor, "B *n"], state: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        # The input takes the state's dtype first: half precision would round the product.
        drive = self.gain * x.to(state.dtype)
        if self.order == "fire_before":
            return self.firing.before(state, self._leaked, drive)
        return self.firing(self._leaked(state) + drive)

    def _leaked(self, v: Tensor) -> Tensor:
        if self.leak_gradient == "exact":
            return self.leak * v
        return self.leak * v.detach() + (
            v - v.detach()
        )  # adds an exact zero that carries the gradient of v

    def dynamics(self) -> Dynamics:
        """What it does, in numbers."""
        return self.charged_by(self.leak, self.gain, self.order)

    def scan_parameters(self) -> ScanParameters | None:
        """What a fused scan over time needs; None where no kernel knows the surrogate or the
        order.
        """
        if self.order == "fire_before":
            return None
        return self.firing.scan_parameters(self.leak, self.gain, self.leak_gradient)
