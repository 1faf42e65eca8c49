"""The parts of a network by name, in the order of the forward pass."""

from torch import nn

from snnexp.layers.analog import AnalogUnit
from snnexp.layers.connection import Connection
from snnexp.layers.lean import Keeping
from snnexp.layers.spiking import SpikingUnit
from snnexp.layers.window_mean import WindowMean
from snnexp.network.wiring import Node, wiring
from snnexp.neurons.windowed import Windowed


def connections(network: nn.Module) -> dict[str, Connection]:
    """Every connection by name, in the order of the forward pass."""
    return {node.name: node.module for node in wiring(network).of("connection")}


def spiking_units(network: nn.Module) -> dict[str, SpikingUnit]:
    """Every unit that emits spikes by name, in the order of the forward pass."""
    return {
        node.name: node.module
        for node in wiring(network).nodes
        if isinstance(node.module, SpikingUnit)
    }


def analog_units(network: nn.Module) -> dict[str, AnalogUnit]:
    """Every unit with an activation function by name, in the order of the forward pass."""
    return {
        node.name: node.module
        for node in wiring(network).nodes
        if isinstance(node.module, AnalogUnit)
    }


def depth(network: nn.Module) -> int:
    """Number of spiking units, and of values held between them, one behind the other on the longest
    path through `network`.
    """
    depths: dict[str, int] = {}
    for node in wiring(network).nodes:
        before = max(depths.get(source, 0) for source in node.sources)
        depths[node.name] = before + _takes_time(node)
    return max(depths.values(), default=0)


def _takes_time(node: Node) -> bool:
    return isinstance(node.layer, SpikingUnit | WindowMean)


def code_window(network: nn.Module) -> int | None:
    """Timesteps of a window where the network codes in windows, of which an image takes one in
    every layer.
    """
    return next(
        (
            unit.neuron.window
            for unit in spiking_units(network).values()
            if isinstance(unit.neuron, Windowed)
        ),
        None,
    )


def keep(network: nn.Module, keeping: Keeping) -> None:
    """Decides what training keeps of every connection and unit for the backward pass."""
    for part in (*connections(network).values(), *spiking_units(network).values()):
        part.keeping = keeping
