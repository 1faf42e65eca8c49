"""Neuron that sends its value as the time of one spike per window."""

import math
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Fraction, Positive
from snnexp.neurons.threshold import Threshold
from snnexp.neurons.windowed import Window, Windowed


class TimeToFirstSpike(Windowed):
    """Fires once per window, where a falling threshold meets its value, and a spike counts for what
    the threshold is at that step.

        kernel(k) = 1 - k / (N - 1)  (linear)  or  exp(-k / tau)  (exponential)
        V = m                                        charge, m the mean current of the window before
        z = 1[V > 0 and V >= threshold kernel(k + initial_potential)], once              fire
        y = N threshold kernel(k) z                  emit, so that the mean of a window is the value

    The mean of a window is min(m, threshold) cut to the next value the kernel takes; values below
    its last one other than 0 send nothing.

    Source: windows and falling threshold: Park 2020, T2FSNN, beyond the survey; as corrective form
    of Rueckauer & Liu 2018 (survey [19]).

    Args:
        window: steps N, >= 2.
        threshold: upper end of what can be sent, > 0, in units of the input current.
        initial_potential: steps by which the threshold is ahead of the kernel, in [0, 1]; 0 cuts,
            0.5 rounds the time.
        curve: whether the kernel falls linearly or exponentially.
        time_constant: tau of the exponential kernel in timesteps, > 0; the linear one does not use
            it.
    """

    def __init__(
        self,
        window: Window,
        threshold: Positive,
        initial_potential: Fraction,
        curve: Literal["linear", "exponential"],
        time_constant: Positive,
    ):
        super().__init__(window)
        self.threshold = Threshold(threshold, initial_potential)
        self.curve = curve
        self.time_constant = time_constant

    def receive(self, value: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        return value

    def send(
        self, k: int, memory: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        carried = self.threshold.value * self._kernel(k)
        z = ((memory > 0) & (memory >= self._falling(k)) & (carried > 0)).to(memory.dtype)
        return self.window * carried * z, memory * (1 - z)

    def _kernel(self, k: int) -> float:
        return (
            1 - k / (self.window - 1)
            if self.curve == "linear"
            else math.exp(-k / self.time_constant)
        )

    def _falling(self, k: int) -> Tensor:
        threshold, ahead = self.threshold.value, self.threshold.initial_potential
        if self.curve == "linear":
            return threshold * self._kernel(k) - ahead / (self.window - 1)
        return threshold * self._kernel(k) * (-ahead / threshold / self.time_constant).exp()

    def set_threshold(self, value: float, initial_potential: Fraction) -> None:
        """Changes the upper end, and by how many steps the threshold is ahead of the kernel."""
        self.threshold.set(value, initial_potential)
