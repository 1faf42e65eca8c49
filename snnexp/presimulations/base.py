"""What a presimulation is, and how it sets the potentials from which a network starts."""

import abc
from collections.abc import Callable, Mapping
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import Over
from snnexp.layers.spiking import SpikingUnit
from snnexp.network.parts import spiking_units

Present = Callable[[range], object]
"""Runs the network on its images for some timesteps, which continue those before."""


class Presimulation(abc.ABC):
    """Hidden timesteps before the first that counts, from which every neuron learns the potential
    to start from for this input.

    It works on the states of `streaming` alone; the neurons must be integrate-and-fire with reset
    by subtraction. Its timesteps are timesteps like all others: they are part of T, and their
    spikes and operations count.
    """

    hidden: ClassVar[bool] = True
    """Whether there are hidden timesteps at all."""

    @abc.abstractmethod
    def hidden_timesteps(self, network: nn.Module) -> int:
        """How many timesteps of `network` it spends on each image."""

    @abc.abstractmethod
    def __call__(self, network: nn.Module, present: Present) -> None:
        """Spends the timesteps 0..hidden_timesteps - 1 and leaves the network ready to start;
        within `streaming(network)`.
        """


def potential(unit: SpikingUnit) -> Float[Tensor, "B *n"]:
    """The membrane potential of the neurons of `unit` by now."""
    return unit.cells.states[-1]


def restart(network: nn.Module, potentials: Mapping[str, Tensor]) -> None:
    """Forgets every state of `network`; units start from their potentials in `potentials`, or from
    rest where it has none.
    """
    for loop in (module for module in network.modules() if isinstance(module, Over)):
        loop.states = [None] * len(loop.cells)
    for name, unit in spiking_units(network).items():
        unit.cells.states[-1] = potentials.get(name)
