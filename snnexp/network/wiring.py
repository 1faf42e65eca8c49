"""How a network is wired: its parts by name, and what gets its values from what."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

from torch import nn

from snnexp.cell import Over
from snnexp.layers.connection import Connection
from snnexp.layers.joint import Joint
from snnexp.layers.per_step import PerStep
from snnexp.network.network import Network

Kind = Literal["encoder", "connection", "unit", "pool", "joint", "stream", "readout"]
"""What a node does.

    encoder      images to the input of the network
    connection   weights with their norm, and with the average pools before them
    unit         neurons, or an activation, behind the current that drives them
    pool         puts positions together, or picks some
    joint        puts branches together
    stream       changes values one by one, such as dropout
    readout      current or spikes of the output layer to scores
"""

INPUT = "input"
"""Where the first node gets its values from; it is no node itself."""


@runtime_checkable
class Driven(Protocol):
    """Neurons, or an activation, and what drives them: a unit of any form."""

    connection: nn.Module


@dataclass(frozen=True)
class Node:
    """A part of a network.

    Args:
        name: as a module of the network.
        kind: see above.
        module: what runs.
        sources: names of the nodes whose values it gets; of a joint one for each of its branches.
        within: names of the joints in whose branches it stands, the outermost first.
    """

    name: str
    kind: Kind
    module: nn.Module
    sources: tuple[str, ...]
    within: tuple[str, ...]

    @property
    def layer(self) -> nn.Module:
        """What acts: of a loop over time its last cell, else the module."""
        return _acting(self.module)


@dataclass(frozen=True)
class Wiring:
    """The nodes of a network in the order of the forward pass: each comes behind its sources.

    It is a picture of the network at the time it was taken: modules that are put in later are not
    in it.

    Args:
        nodes: see above.
    """

    nodes: tuple[Node, ...]

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """The nodes by name, in order."""
        return {node.name: node for node in self.nodes}

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Sources and targets by name; those of a joint in the order of its branches."""
        return tuple((source, node.name) for node in self.nodes for source in node.sources)

    def of(self, *kinds: Kind) -> list[Node]:
        """The nodes of these kinds, in order."""
        return [node for node in self.nodes if node.kind in kinds]

    def driving(self, name: str) -> list[Node]:
        """The connections whose currents the neurons of a unit get, in order."""
        return list(self._connections_before(self.by_name[name]))

    def _connections_before(self, node: Node) -> Iterator[Node]:
        for source in node.sources:
            before = self.by_name.get(source)
            if before is None or before.kind in ("unit", "encoder"):
                continue
            if before.kind == "connection":
                yield before
            else:
                yield from self._connections_before(before)


def wiring(network: nn.Module) -> Wiring:
    """The wiring of a network, or of a part of one.

    Units, joints and connections say themselves what they are made of: a unit has a `connection`,
    a joint names the paths of its branches. All else is a chain, or one node.

    Raises:
        TypeError: a module holds layers and does not say in which order they run.
    """
    walk = _Walk()
    if isinstance(network, Network):
        walk.whole(network)
    else:
        walk.through(network, "", INPUT, ())
    return Wiring(tuple(walk.nodes))


class _Walk:
    """Collects the nodes; each way through a module returns the name of the node at its end."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def whole(self, network: Network) -> None:
        encoded = self._add("encoder", "encoder", network.encoder, (INPUT,), ())
        current = self.through(network.body, "body", encoded, ())
        output = self.through(network.output, "output", current, ())
        self._add("readout", "readout", network.readout, (output,), ())

    def through(self, module: nn.Module, name: str, source: str, within: tuple[str, ...]) -> str:
        match module:
            case nn.Identity():
                return source
            case Connection():
                return self._add("connection", name, module, (source,), within)
            case Joint():
                inner = (*within, name)
                ends = [self._along(module, path, name, source, inner) for path in module.paths]
                return self._add("joint", name, module, tuple(ends), within)
            case nn.Sequential() if not isinstance(module, PerStep):
                path = tuple(child for child, _ in module.named_children())
                return self._along(module, path, name, source, within)
            case Driven():
                current = self._along(module, ("connection",), name, source, within)
                return self._add("unit", name, module, (current,), within)
        return self._single(module, name, source, within)

    def _along(
        self,
        module: nn.Module,
        path: tuple[str, ...],
        name: str,
        source: str,
        within: tuple[str, ...],
    ) -> str:
        for child in path:
            child_name = f"{name}.{child}" if name else child
            source = self.through(module.get_submodule(child), child_name, source, within)
        return source

    def _single(self, module: nn.Module, name: str, source: str, within: tuple[str, ...]) -> str:
        """A module that is one node, since there is nothing in it that would be one."""
        if any(isinstance(inner, Connection | Joint | Driven) for inner in module.modules()):
            raise TypeError(
                f"{name or 'network'}: {type(module).__name__} does not say in which order its "
                "layers run; make it an nn.Sequential, or a Joint that names the paths"
            )
        kind = getattr(_acting(module), "kind", "stream")
        return self._add(kind, name, module, (source,), within)

    def _add(
        self,
        kind: Kind,
        name: str,
        module: nn.Module,
        sources: tuple[str, ...],
        within: tuple[str, ...],
    ) -> str:
        self.nodes.append(Node(name, kind, module, sources, within))
        return name


def _acting(module: nn.Module) -> nn.Module:
    return module.cells[-1] if isinstance(module, Over) and len(module.cells) else module
