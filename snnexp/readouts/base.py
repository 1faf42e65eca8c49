"""What a readout is."""

import abc
from typing import ClassVar

from snnexp.cell import Cell


class Readout(Cell, abc.ABC):
    """A cell from the output layer to running class scores.

    Settings mean the same in whatever readout has them: `leak` is the share of the score that is
    kept per timestep, `average` divides it by the timesteps so far, `window` and `silent` are the
    steps of a window and those at its end that bring nothing.
    """

    spiking: ClassVar[bool] = False
    """Whether the output layer has neurons, whose spikes this cell gets; else it gets a current."""
    sums_up: ClassVar[bool] = False
    """Whether the score is a sum over time of what has come, up to the number of timesteps."""
    of_first_spikes: ClassVar[bool] = False
    """Whether the first spike of each output neuron decides, whatever comes later."""
    gives_chances: ClassVar[bool] = False
    """Whether it reads two values for each class, the second of which says how likely the class is
    kept."""
    in_windows: ClassVar[bool] = False
    """Whether it reads values window by window, as neurons that code in windows send them."""

    @abc.abstractmethod
    def features(self, classes: int) -> int:
        """Width of the output layer."""
