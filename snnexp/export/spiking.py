"""A network of spikes as a graph, along its wiring."""

from collections.abc import Iterator

from torch import nn

from snnexp.errors import ConfigError
from snnexp.export import units, weights
from snnexp.export.graph import Graph, Value
from snnexp.export.settings import Settings
from snnexp.export.units import write_unit
from snnexp.export.weights import pool_obstacles, write_connection, write_pool
from snnexp.layers.concatenation import Concatenation
from snnexp.layers.connection import Connection, Sum
from snnexp.layers.dropout import Dropout
from snnexp.layers.elementwise import Elementwise
from snnexp.layers.per_step import PerStep
from snnexp.layers.spiking import SpikingUnit
from snnexp.network.network import Network
from snnexp.network.parts import spiking_units
from snnexp.network.wiring import Node, wiring
from snnexp.neurons.dynamics import Leaky

LEAKY_DT, DT = 1e-4, 1.0
"""Seconds of a timestep: with leaky neurons alone what snnTorch takes it to be; else 1, with which
what a neuron without leak integrates is its current times r = 1.
"""


def spiking_graph(network: Network, shape: tuple[int, ...], settings: Settings) -> Graph:
    """The graph from the input of the body to the current of the output layer, or to the spikes of
    its neurons. Encoder and readout are no part of it.

    Args:
        network: as trained, in evaluation mode.
        shape: of a sample of what the encoder sends at a timestep.
        settings: see there.

    Raises:
        ConfigError: with all that NIR cannot say.
    """
    refuse(network)
    walk = _Walk(shape, settings)
    for node in wiring(network).nodes:
        walk.pass_on(node)
    walk.graph.end(walk.last)
    return walk.graph


def refuse(network: Network) -> None:
    """Raises `ConfigError` with all in a network that NIR cannot say."""
    if network.form != "spiking":
        raise ConfigError(
            f"NIR is of networks that spike, and this one is of form {network.form}; one of form "
            "analog goes into an .onnx file"
        )
    found: dict[str, list[str]] = {}
    for node in wiring(network).nodes:
        for reason in _obstacles(node):
            found.setdefault(reason, []).append(node.name)
    if found:
        count = f"{len(found)} problem{'s' if len(found) > 1 else ''}"
        raise ConfigError(
            "\n".join(
                [
                    f"{count} in writing the network as NIR",
                    *(f"  {', '.join(names)}: {reason}" for reason, names in found.items()),
                ]
            )
        )


def usual_dt(network: Network) -> float:
    """Seconds of a timestep where nobody says so."""
    neurons = [unit.neuron for unit in spiking_units(network).values()]
    leaky = all(isinstance(each, Leaky) and each.dynamics().leak < 1 for each in neurons)
    return LEAKY_DT if leaky else DT


def _obstacles(node: Node) -> Iterator[str]:
    """Why a node cannot be written."""
    match node.kind, node.module:
        case (("encoder" | "readout"), _):
            return
        case "connection", Connection():
            yield from weights.obstacles(node.module)
        case "unit", unit:
            yield from units.obstacles(unit)
        case "pool", PerStep():
            for module in node.module:
                yield from pool_obstacles(module)
        case "joint", joint:
            yield from _joint_obstacles(joint)
        case _, module if not isinstance(module, Dropout):
            yield f"{type(node.layer).__name__} has no node in NIR"


def _joint_obstacles(joint: nn.Module) -> Iterator[str]:
    match joint:
        case Sum() | Elementwise(function="add"):
            return
        case Concatenation():
            yield "branches side by side; values that meet in NIR are added"
        case _:
            yield f"branches that meet by {joint.joins}; values that meet in NIR are added"


class _Walk:
    """Writes node by node, each behind what it gets its values from."""

    def __init__(self, shape: tuple[int, ...], settings: Settings):
        self.graph = Graph(shape)
        self.settings = settings
        self.values: dict[str, Value] = {}
        self.last = self.graph.input

    def pass_on(self, node: Node) -> None:
        """Writes a node; what comes out of it is there for those behind it."""
        before = [self.values.get(source, self.graph.input) for source in node.sources]
        self.last = self.values[node.name] = self._written(node, before)

    def _written(self, node: Node, before: list[Value]) -> Value:
        name, value = named(node.name), before[0]
        match node.module:
            case Connection() as connection:
                return write_connection(self.graph, name, connection, value, self.settings.pools)
            case SpikingUnit() as unit:
                return write_unit(self.graph, name, unit, value, self.settings, node.name)
            case PerStep() as layers:
                for place, layer in enumerate(layers, 1):
                    step = f"{name}_{place}" if len(layers) > 1 else name
                    value = write_pool(self.graph, step, layer, value, self.settings.pools)
                return value
            case Sum() | Elementwise():
                return self.graph.added(name, before)
        return value


def named(name: str) -> str:
    """The name of a layer in a file, of its name in our network."""
    return name.removeprefix("body.").removesuffix(".connection").replace(".", "_")
