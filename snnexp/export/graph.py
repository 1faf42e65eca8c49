"""A graph of layers and neurons, as it stands in a file, before a package has written it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

INPUT, OUTPUT = "input", "output"
"""Names of the nodes that stand for what comes in, and for what goes out."""


@dataclass(frozen=True)
class Part:
    """A node of the graph.

    Args:
        kind: name of a class of the package `nir`.
        fields: its arguments: arrays, numbers, shapes.
        metadata: what is known of it beside these.
    """

    kind: str
    fields: dict[str, Any]
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Value:
    """What comes out of nodes, whose outputs add up.

    Args:
        sources: names of these nodes.
        shape: of one sample at one timestep.
        factor: ours is that of the graph times this number, which the next weights take in: the
            height of spikes, or what makes a sum a mean.
    """

    sources: tuple[str, ...]
    shape: tuple[int, ...]
    factor: float = 1.0


class Graph:
    """Nodes by name and the edges between them, in the order in which they were added.

    Args:
        shape: of one sample of the input at one timestep.
    """

    def __init__(self, shape: tuple[int, ...]):
        self.nodes: dict[str, Part] = {INPUT: Part("Input", {"input_type": np.array(shape)})}
        self.edges: list[tuple[str, str]] = []
        self.input = Value((INPUT,), shape)

    def add(
        self, name: str, part: Part, value: Value, shape: Sequence[int], factor: float = 1.0
    ) -> Value:
        """Puts a node behind a value; what comes out of it, and is ours divided by `factor`."""
        self.nodes[name] = part
        self.edges += ((source, name) for source in value.sources)
        return Value((name,), tuple(shape), factor)

    def hear(self, source: str, target: str) -> None:
        """Adds an edge backwards: what `source` gives at a timestep `target` gets at the next."""
        self.edges.append((source, target))

    def settled(self, name: str, value: Value) -> Value:
        """A value without a factor: with a node that multiplies, where there is one."""
        return value if value.factor == 1 else self.scaled(name, value)

    def scaled(self, name: str, value: Value) -> Value:
        """A value behind a node of its own, which multiplies by the factor."""
        scale = np.full(value.shape, value.factor, np.float32)
        return self.add(f"{name}_scale", Part("Scale", {"scale": scale}), value, value.shape)

    def added(self, name: str, values: Sequence[Value]) -> Value:
        """The sum of values of one shape. What comes twice from one node goes through a node of its
        own, for an edge is there once.
        """
        factors = {value.factor for value in values}
        if len(factors) > 1:
            values = [self.settled(f"{name}_{place}", value) for place, value in enumerate(values)]
        total = values[0]
        for place, value in enumerate(values[1:], 1):
            if {*total.sources} & {*value.sources}:
                one = self.scaled(f"{name}_{place}", replace(value, factor=1.0))
                value = replace(one, factor=value.factor)
            total = replace(total, sources=total.sources + value.sources)
        return total

    def end(self, value: Value) -> None:
        """Makes a value what goes out of the graph."""
        self.add(OUTPUT, Part("Output", {"output_type": np.array(value.shape)}), value, value.shape)
