"""What is counted where branches join, and where real values pass between layers."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from snnexp.cell import streaming
from snnexp.layers.concatenation import Concatenation
from snnexp.layers.connection import Connection, Sum
from snnexp.layers.elementwise import Elementwise
from snnexp.layers.squeeze_excitation import SqueezeExcitation
from snnexp.measure.record import recording
from snnexp.network.spiking import spiking_network
from tests.support.networks import blueprint, keys

STEPS, SIZE, CLASSES = 4, 6, 5


def passing(weight=1.0):
    """A connection that gives every neuron `weight` times its own input."""
    connection = Connection(nn.Conv2d(1, 1, 1, bias=False), nn.Identity())
    nn.init.constant_(connection.layer.weight, weight)
    return connection


def tally(body, batch=2):
    """Counts of a network with this body on an image of ones, which every layer of weight 1 turns
    into a spike per step and neuron.
    """
    made = replace(
        blueprint(shape=(1, SIZE, SIZE), classes=CLASSES),
        architecture=lambda unit, **about: body(unit),
    )
    net = spiking_network(made)
    with recording(net.eval()) as counted, streaming(net):
        net(torch.ones(batch, 1, SIZE, SIZE), range(STEPS), keys(batch))
    counted.images = batch
    return counted


def output(channels=1):
    return Connection(
        nn.Linear(channels * SIZE * SIZE, CLASSES), nn.Identity(), before=(nn.Flatten(),)
    )


PLACES = SIZE * SIZE


@pytest.mark.slow
@pytest.mark.parametrize(("function", "spikes"), [("add", 2), ("and", 1), ("iand", 0)])
def test_a_join_sends_on_as_many_spikes_as_its_branches_sent(function, spikes):
    counted = tally(
        lambda unit: nn.Sequential(
            unit(passing()), Elementwise(function, unit(passing()), nn.Identity()), output()
        )
    )
    branch = STEPS * PLACES  # the first layer multiplies the image once, the second adds spikes
    assert counted.mac / 2 == PLACES
    assert float(counted.ac) / 2 == branch + spikes * STEPS * PLACES * CLASSES
    assert counted.spikes_per_inference() == 2 * STEPS * PLACES


def test_joined_branches_send_on_what_each_has_sent():
    two = Concatenation(nn.Identity(), nn.Identity())
    counted = tally(lambda unit: nn.Sequential(unit(passing()), two, output(channels=2)))
    assert float(counted.ac) / 2 == 2 * STEPS * PLACES * CLASSES


def test_weights_behind_a_current_multiply_at_every_step():
    counted = tally(
        lambda unit: nn.Sequential(
            unit(passing()), Sum(passing(0.3), nn.Identity()), unit(passing()), output()
        )
    )
    into_the_stream = STEPS * PLACES * 2  # by the weights, and round them
    assert (
        counted.mac / 2 == PLACES + STEPS * PLACES
    )  # of the image, and of the current between the two
    assert float(counted.ac) / 2 == into_the_stream + STEPS * PLACES * CLASSES


def test_weights_behind_a_gate_multiply_at_every_step():
    def body(unit):
        gate = SqueezeExcitation(unit(passing()), passing())
        return nn.Sequential(unit(passing()), gate, unit(passing()), output())

    counted = tally(body)
    assert counted.mac / 2 == PLACES + STEPS * PLACES
