"""The blueprint from which every form of a network is built."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from snnexp.cell import Cell

Unit = Callable[[nn.Module], nn.Module]
"""From a connection (spikes to current) to a module from spikes to spikes."""


@dataclass(frozen=True)
class Blueprint:
    """Everything a network is made of, as factories, so that each form can be built anew with
    weights of the same names.
    """

    encoder: nn.Module
    architecture: Callable[..., nn.Module]
    norm: Callable[..., nn.Module]
    synapse: Callable[[], Cell]
    neuron: Callable[[], Cell]
    readout: Callable[[], Cell]
    shape: tuple[int, ...]
    classes: int

    def body(self, unit: Unit, readout: Cell) -> nn.Module:
        """The body of a network, from its input to the current of the output layer.

        Args:
            unit: makes a unit of a form out of a connection.
            readout: says how wide the output layer is.
        """
        shape = self.encoder.shape(self.shape)
        return self.architecture(
            unit=unit, norm=self.norm, shape=shape, features=readout.features(self.classes)
        )
