"""The layers of a timed network."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import nn

from snnexp.layers.connection import Connection
from snnexp.network.wiring import wiring
from snnexp.timed.body import TimedBody
from snnexp.timed.output import TimedOutput
from snnexp.timed.pulses import Pulses
from snnexp.timed.unit import Timed, TimedUnit


class TimedLayer(NamedTuple):
    """A layer of a timed network.

    Args:
        name: of its unit, or of its connection where it is the output layer.
        connection: its weights.
        timed: its neurons.
        pulses: spikes at learned times beside its inputs, or None.
    """

    name: str
    connection: Connection
    timed: Timed
    pulses: Pulses | None


def timed_layers(network: nn.Module) -> Iterator[TimedLayer]:
    """Every timed layer in the order of the forward pass, the output layer last; none in another
    form.
    """
    if not isinstance(getattr(network, "body", network), TimedBody):
        return
    for node in wiring(network).of("unit", "connection"):
        match node.module:
            case TimedUnit() as unit:
                yield TimedLayer(node.name, unit.connection, unit.timed, unit.pulses)
            case TimedOutput() as output:
                yield TimedLayer(node.name, output, output.timed, None)
