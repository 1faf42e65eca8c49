"""What conversion asks of a neuron."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from snnexp.neurons.firing import Amplitude


@runtime_checkable
class Convertible(Protocol):
    """A neuron that can take the place of an activation.

    Conversion chooses its threshold, and reads from what it sends the activation that it stands
    for. `Neuron` states all but `set_threshold`: a neuron of one's own brings that, and says what
    is otherwise with it.
    """

    amplitude: Amplitude
    """What a spike carries: 1 (unit), or the threshold."""
    windowed: bool
    """Whether it codes in windows of `window` timesteps; else what it sends over all timesteps
    stands for the activation.
    """
    latches: bool
    """Whether its output stays on after its one spike, whose time is the code."""

    def set_threshold(self, value: float, initial_potential: float) -> None:
        """Changes the threshold, in units of the current, and with it the potential at the start,
        given as a fraction of the threshold.
        """


@runtime_checkable
class Chargeable(Protocol):
    """Neurons of a layer each of which may start from a potential of its own.

    A calibration that corrects potentials needs them. Neurons whose potential at the start is held
    as one share of the threshold are not of this kind.
    """

    def charge(self, potential: Tensor) -> None:
        """Adds to the potentials `[*m]` at the start, in units of the current. A later
        `set_threshold` sets all of them to one value again.
        """


MEMBERS = (*Convertible.__annotations__, "set_threshold")
"""Names of all that conversion asks for."""
