"""What a calibration is."""

import abc
from typing import ClassVar

from snnexp.conversion.converted import Converted
from snnexp.datasets.batches import Batches


class Calibration(abc.ABC):
    """Corrects a converted network in place, on training images, for a number of timesteps."""

    corrects_rates: ClassVar[bool] = True
    """Whether it looks at rates, which say little where neurons code in time."""
    corrects_potentials: ClassVar[bool] = False
    """Whether it changes the potential at which each neuron starts."""

    @abc.abstractmethod
    def __call__(self, converted: Converted, train: Batches) -> None:
        """Corrects `converted.spiking`."""
