"""What an energy model is."""

import abc
from typing import Literal

from snnexp.energy.counts import Counts

FirstLayer = Literal["once", "per_step"]
"""How often weights multiply an input that does not change with time."""


class EnergyModel(abc.ABC):
    """A price for each operation: what a network needs for an image, in joule.

    Every price is a price per event, so that the energy of mean counts is the mean energy. To write
    one of your own is to give `spiking`, and `analog` where the hardware can run analog networks.

    Args:
        source: where the prices are from, in words; what is left out belongs there, too.
        first_layer: how often weights multiply an input that does not change with time.
        bits: of the weights and activations of the analog network at full precision.
    """

    def __init__(self, source: str, first_layer: FirstLayer, bits: int):
        self.source, self.first_layer, self.bits = source, first_layer, bits

    @abc.abstractmethod
    def spiking(self, counts: Counts) -> dict[str, float]:
        """The energy of a spiking network by what it is spent on."""

    @abc.abstractmethod
    def analog(self, counts: Counts, bits: int) -> dict[str, float] | None:
        """The energy of the analog network of the same shape with activations of so many bits, by
        what it is spent on; None where the hardware runs none, or the model has no price for it.
        """


def multiplied_weights(counts: Counts) -> float:
    """Multiply-accumulates of the analog network."""
    return sum(part.mac_ann for part in counts.synapses.values())
