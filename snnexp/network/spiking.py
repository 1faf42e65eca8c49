"""The spiking form of a network: every unit is a synapse and a neuron."""

from functools import partial

from torch import nn

from snnexp.cell import Cell
from snnexp.layers.per_step import PerStep
from snnexp.layers.spiking import SpikingUnit
from snnexp.network.blueprint import Blueprint, Unit
from snnexp.network.in_windows import put_in_windows
from snnexp.network.network import Network
from snnexp.network.parts import spiking_units
from snnexp.network.sizing import size_cells
from snnexp.neurons.windowed import Windowed


def spiking_network(blueprint: Blueprint) -> Network:
    """The spiking form of a blueprint. Where the readout reads spikes, the output layer has neurons
    too.
    """
    return assembled(blueprint, partial(spiking_unit, blueprint))


def spiking_unit(blueprint: Blueprint, connection: nn.Module) -> SpikingUnit:
    """A connection and the neurons of a blueprint behind it."""
    return SpikingUnit(connection, blueprint.synapse(), _neuron(blueprint, connection))


def assembled(blueprint: Blueprint, unit: Unit) -> Network:
    """A network that sends spikes, its body made of the units that `unit` makes."""
    readout = blueprint.readout()
    output = spiking_unit(blueprint, nn.Identity()) if readout.spiking else nn.Identity()
    body = blueprint.body(unit, readout)
    coded = next(
        (each.neuron for each in spiking_units(body).values() if isinstance(each.neuron, Windowed)),
        None,
    )
    if coded is not None:
        put_in_windows(body, coded, blueprint.synapse)
    size_cells(nn.Sequential(body, output), blueprint.encoder.shape(blueprint.shape))
    return Network(blueprint.encoder, body, output, readout, form="spiking")


def _neuron(blueprint: Blueprint, connection: nn.Module) -> Cell:
    """Behind weights a neuron as it is; behind a pool that fires the kind that it has for there."""
    neuron = blueprint.neuron()
    behind_pool = isinstance(connection, PerStep) and hasattr(neuron, "pooling")
    return neuron.pooling() if behind_pool else neuron
