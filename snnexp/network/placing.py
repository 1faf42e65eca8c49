"""Norms and synapses of the spiking form that stand elsewhere than between weights and neurons."""

from collections import OrderedDict
from collections.abc import Callable

from torch import nn

from snnexp.cell import Cell
from snnexp.layers.connection import Connection
from snnexp.layers.filter import Filter
from snnexp.layers.spiking import SpikingUnit
from snnexp.network.parts import connections
from snnexp.network.wiring import wiring


def followed(unit: SpikingUnit) -> nn.Module:
    """The unit, with the norm of its connection behind its neurons where that takes spikes."""
    connection = unit.connection
    if not isinstance(connection, Connection) or not _takes_spikes(connection.norm):
        return unit
    norm, connection.norm = connection.norm, nn.Identity()
    return nn.Sequential(OrderedDict(unit=unit, norm=norm))


def check_norms(body: nn.Module) -> None:
    """Raises `ValueError` where a norm that takes spikes has no neurons in front of it."""
    for name, connection in connections(body).items():
        if _takes_spikes(connection.norm):
            kind = type(connection.norm).__name__
            raise ValueError(
                f"norm: {kind} stands behind neurons, but currents of several branches meet behind "
                f"{name}; set norm=batch, or architecture=cnn, vgg9 or another chain"
            )


def filter_inputs(body: nn.Module, synapse: Callable[[], Cell]) -> None:
    """Puts a filter in front of every connection, in place.

    Pools that belong to the weights come behind it.

    Args:
        body: what the architecture built, in spiking form.
        synapse: makes a filter.

    Raises:
        ValueError: a connection stands in a branch, beside which spikes would go unfiltered.
    """
    for node in wiring(body).of("connection"):
        if node.within:
            raise ValueError(
                f"synapse: {type(synapse()).__name__} filters what comes to weights, but branches "
                f"meet at {node.within[-1]}; set synapse=dual_exponential, which filters behind "
                "them, or architecture=cnn, vgg9 or another chain"
            )
        filtered = OrderedDict(filter=Filter(synapse()), weights=node.module)
        body.set_submodule(node.name, nn.Sequential(filtered))


def _takes_spikes(norm: nn.Module) -> bool:
    return getattr(norm, "behind_neurons", False)
