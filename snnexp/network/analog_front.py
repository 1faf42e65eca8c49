"""A spiking network whose first layers are those of an analog one."""

from collections.abc import Callable
from functools import partial
from itertools import count

from torch import nn

from snnexp.layers.analog import AnalogUnit
from snnexp.layers.recurrent import Recurrent
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.spiking import assembled, spiking_unit


def network_with_analog_front(
    blueprint: Blueprint, front: int, activation: Callable[[], nn.Module]
) -> Network:
    """The spiking form of a blueprint, but for its first units, which have an activation function.

    What these send is a current that stands still, computed once; the first neurons integrate it
    timestep by timestep. Source: Panda 2020 (survey [78]).

    Args:
        blueprint: what the network is made of.
        front: number of analog units, counted from the input on; a pool that fires is one.
        activation: makes the activation function of such a unit.
    """
    return assembled(blueprint, partial(_unit, blueprint, front, activation, count()))


def _unit(
    blueprint: Blueprint,
    front: int,
    activation: Callable[[], nn.Module],
    places: count,
    connection: nn.Module,
) -> nn.Module:
    if next(places) < front:
        if isinstance(connection, Recurrent):
            raise ValueError(
                "front: a recurrent layer has no analog form, which has one timestep; set front "
                "to the number of layers before it, or write FC in place of R"
            )
        return AnalogUnit(connection, activation())
    return spiking_unit(blueprint, connection)
