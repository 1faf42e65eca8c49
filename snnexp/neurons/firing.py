"""What all integrate-and-fire neurons share: threshold, spike and reset."""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp import cell
from snnexp.kernels.scan.parameters import Number, ScanParameters
from snnexp.limits import Fraction, Positive
from snnexp.neurons.start import share_of, with_room

Reset = Literal["hard", "soft"]
"""What a spike does to the potential: sets it to zero, or takes the threshold off it."""
Amplitude = Literal["unit", "threshold"]
"""Height of an emitted spike: one, or the threshold."""
Order = Literal["fire_after", "fire_before"]
"""Whether a neuron fires from the potential that the input of this timestep has charged, or from
the one before.
"""


class Firing(nn.Module):
    """Fires where the potential reaches the threshold, and resets there.

        s = 1[u >= threshold]                                     fire
        v = u (1 - s)  (hard)  or  u - threshold s  (soft)        reset
        y = s  (unit)  or  threshold s  (threshold)               emit

    Backward, the surrogate stands for the derivative of s; with `detach_reset` the s in the reset
    counts as a constant.

    Source: survey Eq. 2 and 7; soft reset: Rueckauer 2017 (survey [10]); detached reset: Zenke &
    Vogels 2021 (survey [81]).

    Args:
        threshold: potential at which a spike is fired, > 0, in units of the input current.
        reset: to zero (hard) or by subtraction of the threshold (soft).
        detach_reset: whether the reset passes no gradient through the spike.
        initial_potential: potential before the first timestep, in [0, 1], as a fraction of the
            threshold.
        amplitude: height of an emitted spike, 1 (unit) or the threshold.
        surrogate: potential minus threshold to spikes, with a slope for the backward pass.
    """

    threshold: Float[Tensor, ""]
    initial_potential: Float[Tensor, ""]

    def __init__(
        self,
        threshold: Positive,
        reset: Reset,
        detach_reset: bool,
        initial_potential: Fraction,
        amplitude: Amplitude,
        surrogate: nn.Module,
    ):
        super().__init__()
        self.reset = reset
        self.detach_reset = detach_reset
        self.amplitude = amplitude
        self.surrogate = surrogate
        self.register_buffer("threshold", torch.zeros(()))
        self.register_buffer(
            "initial_potential", torch.zeros(())
        )  # unlike the argument in units of the potential
        self.set_threshold(threshold, initial_potential)

    @torch.no_grad()
    def set_threshold(self, value: float | Float[Tensor, ""], initial_potential: Fraction) -> None:
        """Changes the threshold in place, and with it the potential at the start, given as a
        fraction of the threshold.
        """
        self.threshold.fill_(value)
        self.initial_potential.copy_(share_of(value, initial_potential, self.threshold))

    @torch.no_grad()
    def charge(self, potential: Float[Tensor, "*n"]) -> None:
        """Adds to the potential at the start, which may then be another for each neuron."""
        self.initial_potential = self.initial_potential + potential

    def make_room(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Makes one potential at the start many, where each neuron was given its own."""
        self.initial_potential = with_room(self.initial_potential, shapes)

    def at_rest(self, x: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        """The potential before the first timestep, for an input like `x`."""
        return cell.at_rest(x, self.initial_potential)

    def forward(
        self, u: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        s, kept = self._spikes(u)
        v = u * (1 - kept) if self.reset == "hard" else u - self.threshold * kept
        return self._emitted(s), v

    def before(
        self,
        v: Float[Tensor, "B *n"],
        leaked: Callable[[Tensor], Tensor],
        drive: Float[Tensor, "B *n"],
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        """Fires from the potential of the step before and charges afterwards, as [66] and [74] do:
        a layer answers one step late.

        s = 1[v >= threshold]                                                                   fire
        v = leaked(v) + drive - threshold s  (soft)  or  leaked(v (1 - s)) + drive  (hard)
        charge, reset
        """
        s, kept = self._spikes(v)
        if self.reset == "hard":
            return self._emitted(s), leaked(v * (1 - kept)) + drive
        return self._emitted(s), leaked(v) + drive - self.threshold * kept

    def _spikes(self, u: Tensor) -> tuple[Tensor, Tensor]:
        s = self.surrogate(u - self.threshold)
        return s, s.detach() if self.detach_reset else s

    def _emitted(self, s: Tensor) -> Tensor:
        return s if self.amplitude == "unit" else self.threshold * s

    def scan_parameters(
        self, leak: Number, gain: Number, leak_gradient: Literal["exact", "straight_through"]
    ) -> ScanParameters | None:
        """What a fused scan over time needs; None where the surrogate is not one a kernel knows."""
        if self.surrogate.shape is None:
            return None
        return ScanParameters(
            leak=leak,
            gain=gain,
            threshold=self.threshold,
            reset=self.reset,
            detach_reset=self.detach_reset,
            leak_gradient=leak_gradient,
            amplitude=self.amplitude,
            surrogate=self.surrogate.shape,
            scale=self.surrogate.scale,
            width=self.surrogate.width,
        )
