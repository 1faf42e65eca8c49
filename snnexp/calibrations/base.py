"""What a calibration is."""

import abc
from collections.abc import Iterator, Mapping
from typing import ClassVar, TypeVar

from snnexp.conversion.converted import Converted
from snnexp.datasets.batches import Batches
from snnexp.progress.work import doing

Value = TypeVar("Value")


class Calibration(abc.ABC):
    """Corrects a converted network in place, on training images, for a number of timesteps."""

    corrects_rates: ClassVar[bool] = True
    """Whether it looks at rates, which say little where neurons code in time."""
    corrects_potentials: ClassVar[bool] = False
    """Whether it changes the potential at which each neuron starts."""

    @abc.abstractmethod
    def __call__(self, converted: Converted, train: Batches) -> None:
        """Corrects `converted.spiking`."""


def layer_by_layer(layers: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    """The layers that a calibration goes through, said as they go."""
    with doing("calibrating", len(layers), "layers") as work:
        for name, value in layers.items():
            yield name, value
            work.advance()
