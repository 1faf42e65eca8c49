"""Leaky integrate-and-fire neuron with a learned time constant."""

import math
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.kernels.scan.parameters import ScanParameters
from snnexp.limits import Fraction, Interval, Positive
from snnexp.neurons.base import Neuron
from snnexp.neurons.firing import Firing


class PLIF(Neuron):
    """Leaky integrate-and-fire neurons that learn the time constant they share.

        u = v + (x - v) k,  k = sigmoid(w) = 1 / time constant    charge
        s = 1[u >= threshold]                                     fire
        v = u (1 - s)  (hard)  or  u - threshold s  (soft)        reset

    The state is the potential v after the reset; w is learned, one number for all neurons of a layer.

    Source: Fang 2021 (survey [56]).

    Args:
        time_constant: membrane time constant before training, > 1, in timesteps; w starts at -ln(time_constant - 1).
        threshold: potential at which a spike is fired, > 0, in units of the input current.
        reset: to zero (hard) or by subtraction of the threshold (soft).
        detach_reset: whether the reset passes no gradient through the spike.
        initial_potential: potential before the first timestep, in [0, 1], as a fraction of the threshold.
        amplitude: height of an emitted spike, 1 (unit) or the threshold.
        surrogate: potential minus threshold to spikes, with a slope for the backward pass.
    """

    leaks: ClassVar[bool] = True

    def __init__(
        self,
        time_constant: Annotated[float, Interval(1.0, low_open=True)],
        threshold: Positive,
        reset: Literal["hard", "soft"],
        detach_reset: bool,
        initial_potential: Fraction,
        amplitude: Literal["unit", "threshold"],
        surrogate: nn.Module,
    ):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(-math.log(time_constant - 1)))
        self.firing = Firing(threshold, reset, detach_reset, initial_potential, amplitude, surrogate)

    @property
    def time_constant(self) -> Float[Tensor, ""]:
        """The membrane time constant learned so far, in timesteps."""
        return 1 / self.w.sigmoid()

    def initial(self, x: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        return self.firing.at_rest(x)

    def step(self, x: Float[Tensor, "B *n"], state: Float[Tensor, "B *n"]) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        # Written as leak v + gain x, as fused scans compute it. Half precision input would round the product.
        k = self.w.sigmoid()
        return self.firing((1 - k) * state + k * x.to(state.dtype))

    def set_threshold(self, value: float, initial_potential: Fraction) -> None:
        """Changes the threshold, and with it the potential at the start, given as a fraction of the threshold."""
        self.firing.set_threshold(value, initial_potential)

    def scan_parameters(self) -> ScanParameters | None:
        """What a fused scan over time needs; None where the surrogate is not one a kernel knows."""
        k = self.w.sigmoid()
        return self.firing.scan_parameters(leak=1 - k, gain=k, leak_gradient="exact")
