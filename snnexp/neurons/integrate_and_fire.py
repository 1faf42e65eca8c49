"""What is the same in every integrate-and-fire neuron with one potential: how it starts, and how a
fused scan runs it.
"""

import abc

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.kernels.scan.dispatch import through
from snnexp.kernels.scan.parameters import ScanParameters
from snnexp.limits import Fraction
from snnexp.neurons.base import Neuron
from snnexp.neurons.dynamics import Dynamics
from snnexp.neurons.firing import Amplitude, Firing, Order


class IntegrateAndFire(Neuron):
    """A neuron whose state is one potential, which fires and resets as `Firing` says.

    To be used as the base of a neuron that only charges in a way of its own: that one gives `step`,
    and `scan_parameters` where its charge is `leak v + gain x`.

    Args:
        firing: threshold, spike and reset.
    """

    def __init__(self, firing: Firing):
        super().__init__()
        self.firing = firing

    @property
    def amplitude(self) -> Amplitude:
        """What a spike carries."""
        return self.firing.amplitude

    def initial(self, x: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        return self.firing.at_rest(x)

    def set_threshold(self, value: float, initial_potential: Fraction) -> None:
        """Changes the threshold, and with it the potential at the start, given as a fraction of the
        threshold.
        """
        self.firing.set_threshold(value, initial_potential)

    def charge(self, potential: Float[Tensor, "*n"]) -> None:
        """Adds to the potential at the start, which may then be another for each neuron."""
        self.firing.charge(potential)

    def charged_by(self, leak: float, gain: float, order: Order) -> Dynamics:
        """Its dynamics, of a charge `leak v + gain x`."""
        firing = self.firing
        threshold = float(firing.threshold)
        return Dynamics(
            leak=leak,
            gain=gain,
            threshold=threshold,
            reset=firing.reset,
            height=1.0 if firing.amplitude == "unit" else threshold,
            order=order,
            initial_potential=firing.initial_potential,
        )

    @abc.abstractmethod
    def scan_parameters(self) -> ScanParameters | None:
        """What a fused scan over time needs; None where no kernel does what `step` does."""

    def through(
        self, x: Float[Tensor, "T B *n"], state: Float[Tensor, "B *n"], count: bool
    ) -> tuple[Float[Tensor, "T B *n"], Float[Tensor, "B *n"], Float[Tensor, "B *n"] | None] | None:
        """All timesteps by a fused scan; None where there is none for this neuron, or a compiler
        traces the loop instead.
        """
        # A compiler sees through the loop over `step`; the kernel's pointers it would not.
        parameters = None if torch.compiler.is_compiling() else self.scan_parameters()
        return None if parameters is None else through(x, state, parameters, count)
