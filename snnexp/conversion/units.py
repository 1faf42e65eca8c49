"""The units of a converted network, and what conversion knows of their neurons."""

from typing import Literal

from torch import nn

from snnexp.cell import Cell, Over
from snnexp.layers.connection import Connection
from snnexp.layers.joint import Joint
from snnexp.layers.spiking import SpikingUnit
from snnexp.limits import Positive
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units
from snnexp.network.wiring import wiring
from snnexp.neurons.convertible import Convertible

Weights = Literal["kept", "normalised"]
BlockThreshold = Positive | Literal["stem"] | None
OUTPUT = "output"
"""The unit of neurons that a readout of spikes has; it stands for no activation."""


def hidden_units(network: Network) -> dict[str, SpikingUnit]:
    """The spiking units that take the place of an activation, whose neurons are `Convertible`;
    others take that of a fixed function.
    """
    fixed = tuple(
        f"{node.name}.{part}." for node in wiring(network).of("joint") for part in node.module.fixed
    )
    return {
        name: unit
        for name, unit in spiking_units(network).items()
        if name != OUTPUT and not name.startswith(fixed)
    }


def unconvertible(network: Network) -> list[Cell]:
    """Neurons in the place of an activation that conversion can do nothing with."""
    neurons = [unit.neuron for unit in hidden_units(network).values()]
    return [neuron for neuron in neurons if not isinstance(neuron, Convertible)]


def codes_in_time(neuron: Convertible) -> bool:
    """Whether when a spike comes decides what it stands for, not how many come."""
    return neuron.windowed or neuron.latches


def driving(unit: nn.Module) -> list[Connection]:
    """The connections whose currents the neurons of a unit get, in order; not those of units inside
    a residual branch.
    """
    return [node.module for node in wiring(unit).driving("")]


def following(network: Network) -> dict[str, Connection]:
    """The connection behind each layer, by the name of the layer; for chains alone."""
    return dict(zip(hidden_units(network), list(connections(network).values())[1:], strict=True))


def in_blocks(network: Network) -> set[str]:
    """Names of the units of branches and of their joints."""
    nodes = wiring(network).by_name
    units = hidden_units(network)
    return {
        name
        for name, unit in units.items()
        if nodes[name].within or isinstance(unit.connection, Joint)
    }


def parts(network: Network) -> tuple[list[str], list[str], list[str]]:
    """Names of the units before all residual blocks, of those of the blocks, and of the others."""
    units, inside = list(hidden_units(network)), in_blocks(network)
    first = min((place for place, name in enumerate(units) if name in inside), default=len(units))
    return (
        units[:first],
        [name for name in units if name in inside],
        [name for name in units[first:] if name not in inside],
    )


def is_chain(network: Network) -> bool:
    """Whether every layer gets its spikes from the one before and from no other."""
    wired = wiring(network.body)
    weightless = [
        node for node in wired.of("unit") if not isinstance(node.module.connection, Connection)
    ]
    loops = [node for node in wired.nodes if isinstance(node.module, Over)]
    return not wired.of("joint") and not weightless and not loops
