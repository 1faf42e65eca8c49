"""The timed form of a network: every unit answers spike times with spike times."""

from torch import nn

from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.transfer import absorb_norms
from snnexp.readouts.earliest import Earliest
from snnexp.timed.neuron import MEMBERS
from snnexp.timed.settings import TimedSettings
from snnexp.timed.times import Times


def timed_network(blueprint: Blueprint, settings: TimedSettings) -> Network:
    """The timed form of a blueprint, with its first weights.

    Raises:
        ValueError: something in the blueprint has no timed form; the message says what to set
            instead.
    """
    neuron = blueprint.neuron()
    if lacking := [name for name in MEMBERS if not hasattr(neuron, name)]:
        raise ValueError(
            "the timed form needs neurons that fire once, "
            f"{type(neuron).__name__} has no {', '.join(lacking)}; "
            "set neuron=if_exp, and strategy=single_spike"
        )
    readout = Earliest(neuron.horizon)
    body = blueprint.body(lambda connection: settings.unit(connection, neuron), readout)
    if neuron.windowed:  # what an analog network has learned fits in: without norms, with biases
        absorb_norms(body)
    return Network(
        Times(blueprint.encoder), settings.body(body, neuron), nn.Identity(), readout, form="timed"
    )
