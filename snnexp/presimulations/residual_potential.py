"""Presimulation that silences neurons by what is left of their potential."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.layers.spiking import SpikingUnit
from snnexp.limits import Count
from snnexp.network.parts import spiking_units
from snnexp.presimulations.base import Present, Presimulation, potential, restart


class ResidualPotential(Presimulation):
    """Runs the network for some timesteps and silences the neurons whose potential has not stayed
    above zero.

        v(0) <- -infinity where v(timesteps) <= 0, else as before

    A neuron of which less arrived than it has sent has fired too early; in most of these cases its
    activation in the analog network is zero.

    Source: Hao 2023, reducing ANN-SNN conversion error through residual membrane potential (SRP).
    The authors' program also silences potentials in (0, 0.001] thresholds.

    Args:
        timesteps: length of the hidden run.
    """

    def __init__(self, timesteps: Count):
        self.timesteps = timesteps

    def hidden_timesteps(self, network: nn.Module) -> int:
        return self.timesteps

    def __call__(self, network: nn.Module, present: Present) -> None:
        present(range(self.timesteps))
        restart(network, {name: _start(unit) for name, unit in spiking_units(network).items()})


def _start(unit: SpikingUnit) -> Float[Tensor, "B *n"]:
    left = potential(unit)
    return torch.where(left > 0, unit.neuron.initial(left), -math.inf)
