"""The timed form of whole networks, and what it refuses."""

import pytest
import torch
from torch import nn

from snnexp.network.analog import analog_network
from snnexp.network.parts import connections
from snnexp.network.spiking import spiking_network
from snnexp.timed.network import timed_network
from snnexp.timed.spike_times import spike_times
from snnexp.timed.synapses import Synapses
from tests.support import networks
from tests.support.options import build_option
from tests.support.timed import PARTS, scores, timed, timed_form


def test_weights_have_the_names_of_the_other_forms():
    blueprint = networks.blueprint(**PARTS, neuron="if_exp")
    timed = timed_network(blueprint, timed_form())
    names = [
        connections(network).keys()
        for network in (timed, spiking_network(blueprint), analog_network(blueprint))
    ]
    assert names[0] == names[1] == names[2] and timed.form == "timed"
    analog_network(blueprint).load_state_dict(timed.state_dict(), strict=True)


def test_scores_are_minus_the_times_of_two_layers():
    network = timed()
    times = build_option("encoder", "spike_time").times(networks.images(5)).flatten(1)
    for connection in connections(network).values():
        times = spike_times(
            times,
            Synapses(connection.layer.weight, connection.layer.bias),
            build_option("neuron", "if_exp", surrogate=nn.Identity()),
        )
    assert torch.equal(scores(network), -times.clamp(max=11.5)[None])


@pytest.mark.parametrize(
    ("chosen", "remedy"),
    [
        ({"architecture": ("cnn", {"layers": ["4C3", "AP2", "D0.1", "FC12"]})}, "MP instead of AP"),
        ({"architecture": "resnet20"}, "architecture=mlp"),
        ({"norm": "batch"}, "norm=none"),
        ({"encoder": "direct"}, "encoder=spike_time"),
        ({"neuron": "lif"}, "neuron=if_exp"),
    ],
)
def test_what_has_no_timed_form_is_refused_with_a_remedy(chosen, remedy):
    with pytest.raises(ValueError, match=remedy):
        timed(**chosen)


@pytest.mark.slow
def test_weights_vary_in_training_only():
    network = timed(changes={"variation": 0.2})
    assert torch.equal(scores(network), scores(network))
    network.train()
    assert not torch.equal(scores(network), scores(network))
