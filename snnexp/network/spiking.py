"""The spiking form of a network: every unit is a synapse and a neuron."""

from torch import nn

from snnexp.layers.spiking import SpikingUnit
from snnexp.network.blueprint import Blueprint
from snnexp.network.in_windows import put_in_windows
from snnexp.network.network import Network
from snnexp.network.parts import spiking_units
from snnexp.network.sizing import size_cells
from snnexp.neurons.windowed import Windowed


def spiking_network(blueprint: Blueprint) -> Network:
    """The spiking form of a blueprint. Where the readout reads spikes, the output layer has neurons
    too.
    """

    def unit(connection: nn.Module) -> SpikingUnit:
        return SpikingUnit(connection, blueprint.synapse(), blueprint.neuron())

    readout = blueprint.readout()
    output = unit(nn.Identity()) if readout.spiking else nn.Identity()
    body = blueprint.body(unit, readout)
    coded = next(
        (each.neuron for each in spiking_units(body).values() if isinstance(each.neuron, Windowed)),
        None,
    )
    if coded is not None:
        put_in_windows(body, coded, blueprint.synapse)
    size_cells(nn.Sequential(body, output), blueprint.encoder.shape(blueprint.shape))
    return Network(blueprint.encoder, body, output, readout, form="spiking")
