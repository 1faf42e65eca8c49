"""Leaky integrate-and-fire neuron with a learned time constant."""

import math
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.kernels.scan.parameters import ScanParameters
from snnexp.limits import Fraction, Interval, Positive
from snnexp.neurons.dynamics import Dynamics
from snnexp.neurons.firing import Amplitude, Firing, Reset
from snnexp.neurons.integrate_and_fire import IntegrateAndFire


class PLIF(IntegrateAndFire):
    """Leaky integrate-and-fire neurons that learn the time constant they share.

        u = v + (x - v) k,  k = sigmoid(w) = 1 / time constant    charge
        s = 1[u >= threshold]                                     fire
        v = u (1 - s)  (hard)  or  u - threshold s  (soft)        reset

    The state is the potential v after the reset; w is learned, one number for all neurons of a
    layer.

    Source: Fang 2021 (survey [56]).

    Args:
        time_constant: membrane time constant before training, > 1, in timesteps; w starts at
            -ln(time_constant - 1).
        threshold, reset, detach_reset, initial_potential, amplitude, surrogate: how it fires, as
            `Firing` has them.
    """

    leaks: ClassVar[bool] = True
    undecayed: ClassVar[tuple[str, ...]] = ("w",)
    """Weight decay would pull the time constant towards 2."""

    def __init__(
        self,
        time_constant: Annotated[float, Interval(1.0, low_open=True)],
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
        self.w = nn.Parameter(torch.tensor(-math.log(time_constant - 1)))

    @property
    def time_constant(self) -> Float[Tensor, ""]:
        """The membrane time constant learned so far, in timesteps."""
        return 1 / self.w.sigmoid()

    def step(
        self, x: Float[Tensor, "B *n"], state: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        # Written as leak v + gain x, as fused scans compute it. Half precision input would round
        # the product.
        k = self.w.sigmoid()
        return self.firing((1 - k) * state + k * x.to(state.dtype))

    def dynamics(self) -> Dynamics:
        """What it does with the time constant learned so far, in numbers."""
        k = float(self.w.detach().sigmoid())
        return self.charged_by(leak=1 - k, gain=k, order="fire_after")

    def scan_parameters(self) -> ScanParameters | None:
        """What a fused scan over time needs; None where the surrogate is not one a kernel knows."""
        k = self.w.sigmoid()
        return self.firing.scan_parameters(leak=1 - k, gain=k, leak_gradient="exact")
