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
from snnexp.network.placing import check_norms, filter_inputs, followed
from snnexp.network.sizing import size_cells
from snnexp.neurons.windowed import Windowed
from snnexp.synapses.instantaneous import Instantaneous


def spiking_network(blueprint: Blueprint) -> Network:
    """The spiking form of a blueprint. Where the readout reads spikes, the output layer has neurons
    too.

    A synapse stands in front of the neurons, or, where it says so, in front of the weights; a norm
    between weights and neurons, or, where it says so, behind the neurons.

    Raises:
        ValueError: norm or synapse have no such place in this architecture.
    """
    return assembled(blueprint, partial(spiking_unit, blueprint))


def spiking_unit(blueprint: Blueprint, connection: nn.Module) -> nn.Module:
    """A connection and the neurons of a blueprint behind it, and a norm that stands behind them."""
    synapse = Instantaneous if _filters_inputs(blueprint) else blueprint.synapse
    return followed(SpikingUnit(connection, synapse(), _neuron(blueprint, connection)))


def assembled(blueprint: Blueprint, unit: Unit) -> Network:
    """A network that sends spikes, its body made of the units that `unit` makes."""
    readout = blueprint.readout()
    output = spiking_unit(blueprint, nn.Identity()) if readout.spiking else nn.Identity()
    body = blueprint.body(unit, readout)
    check_norms(body)
    if _filters_inputs(blueprint):
        filter_inputs(body, blueprint.synapse)
    coded = next(
        (each.neuron for each in spiking_units(body).values() if isinstance(each.neuron, Windowed)),
        None,
    )
    if coded is not None:
        put_in_windows(body, coded, blueprint.synapse)
    size_cells(nn.Sequential(body, output), blueprint.encoder.shape(blueprint.shape))
    return Network(blueprint.encoder, body, output, readout, form="spiking")


def _filters_inputs(blueprint: Blueprint) -> bool:
    return getattr(blueprint.synapse(), "before_weights", False)


def _neuron(blueprint: Blueprint, connection: nn.Module) -> Cell:
    """Behind weights a neuron as it is; behind a pool that fires the kind that it has for there."""
    neuron = blueprint.neuron()
    behind_pool = isinstance(connection, PerStep) and hasattr(neuron, "pooling")
    return neuron.pooling() if behind_pool else neuron
