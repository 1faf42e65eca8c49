"""No presimulation."""

from typing import ClassVar

from torch import nn

from snnexp.presimulations.base import Present, Presimulation


class NoPresimulation(Presimulation):
    """Every neuron starts from its initial potential, whatever the input."""

    hidden: ClassVar[bool] = False

    def hidden_timesteps(self, network: nn.Module) -> int:
        return 0

    def __call__(self, network: nn.Module, present: Present) -> None:
        pass
