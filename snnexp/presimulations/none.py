"""No presimulation."""

from torch import nn

from snnexp.presimulations.base import Present, Presimulation


class NoPresimulation(Presimulation):
    """Every neuron starts from its initial potential, whatever the input."""

    def hidden_timesteps(self, network: nn.Module) -> int:
        return 0

    def __call__(self, network: nn.Module, present: Present) -> None:
        pass
