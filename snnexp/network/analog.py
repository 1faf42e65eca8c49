"""The analog form of a network: every unit is an activation function."""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor, nn

from snnexp.activations.relu import ReLU
from snnexp.layers.analog import AnalogUnit
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network


def analog_network(blueprint: Blueprint, activation: Callable[[], nn.Module] = ReLU) -> Network:
    """The analog form of a blueprint, evaluated at T = 1.

    Args:
        blueprint: what the network is made of.
        activation: makes the activation function of a unit.
    """
    readout = blueprint.readout()
    body = blueprint.body(lambda connection: AnalogUnit(connection, activation()), readout)
    return Network(Analog(blueprint.encoder), body, nn.Identity(), readout, form="analog")


class Analog(nn.Module):
    """What the analog form sees in place of an encoder: the sample itself, as one timestep."""

    spiking = False

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder

    def forward(
        self, input: Float[Tensor, "B *sample"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B *n"]:
        return self.encoder.analog(input)
