"""The spiking form of a network: every unit is a synapse and a neuron."""

from torch import nn

from snnexp.layers.spiking import SpikingUnit
from snnexp.network.blueprint import Blueprint
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
    filters_inputs = getattr(blueprint.synapse(), "before_weights", False)
    synapse = Instantaneous if filters_inputs else blueprint.synapse

    def unit(connection: nn.Module) -> nn.Module:
        return followed(SpikingUnit(connection, synapse(), blueprint.neuron()))

    readout = blueprint.readout()
    output = unit(nn.Identity()) if readout.spiking else nn.Identity()
    body = blueprint.body(unit, readout)
    check_norms(body)
    if filters_inputs:
        filter_inputs(body, blueprint.synapse)
    coded = next(
        (each.neuron for each in spiking_units(body).values() if isinstance(each.neuron, Windowed)),
        None,
    )
    if coded is not None:
        put_in_windows(body, coded, synapse)
    size_cells(nn.Sequential(body, output), blueprint.encoder.shape(blueprint.shape))
    return Network(blueprint.encoder, body, output, readout, form="spiking")
