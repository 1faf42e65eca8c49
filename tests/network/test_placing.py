"""Norms behind neurons and filters in front of weights: where they stand, and what they give."""

import copy

import pytest
import torch
from torch import Tensor, nn

from snnexp.cell import streaming
from snnexp.layers.filter import Filter
from snnexp.layers.lean import Little
from snnexp.network.network import Network
from snnexp.network.parts import connections, keep, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.network.wiring import wiring
from snnexp.training.segments import segmented
from tests.support.networks import blueprint, images, keys

LAYERS = ["4C3", "AP2", "6C3", "D0.5", "FC12"]
PLACED = {
    "neunorm": {"norm": "neunorm", "neuron": ("lif", {"threshold": 0.3})},
    "iir": {"synapse": "iir", "neuron": ("srm", {"threshold": 0.3}), "readout": "rate"},
}
STEPS = 7


def network(name: str, layers: list[str] = LAYERS) -> Network:
    """With weights that let spikes reach the output."""
    torch.manual_seed(0)
    settings = {"layers": layers, "gain": 4.0}
    return spiking_network(blueprint(architecture=("cnn", settings), **PLACED[name]))


def gradients(net: Network, segments: int = 1) -> list[Tensor]:
    torch.manual_seed(1)
    given = net, images(), range(STEPS), keys()
    scores = (segmented(*given, segments) if segments > 1 else given[0](*given[1:])).scores
    return list(torch.autograd.grad(scores[-1].square().sum(), list(net.parameters())))


def test_neuron_normalisation_stands_behind_the_neurons_of_convolutions():
    net = network("neunorm")
    names = [node.name for node in wiring(net).nodes]
    behind = names.index("body.convolution1.norm")
    assert names[behind - 1] == "body.convolution1.unit"
    assert not any("norm" in name for name in connections(net)["body.output"].state_dict())
    shapes = {
        name: tuple(parameter.shape) for name, parameter in net.named_parameters() if "norm" in name
    }
    assert shapes == {
        "body.convolution1.norm.steps.cells.0.weight": (1, 8, 8),
        "body.convolution2.norm.steps.cells.0.weight": (1, 4, 4),
    }


def test_every_connection_has_a_filter_of_what_neurons_send():
    net = network("iir")
    filters = {name: part for name, part in net.named_modules() if isinstance(part, Filter)}
    shapes = {name: tuple(part.steps.cells[0].b.shape) for name, part in filters.items()}
    assert shapes == {
        "body.convolution1.connection.filter": (1, 8, 8),
        "body.convolution2.connection.filter": (4, 8, 8),  # in front of the pool
        "body.linear1.connection.filter": (6, 4, 4),
        "body.output.filter": (12,),
    }
    assert [name.removesuffix(".filter") + ".weights" for name in shapes] == [*connections(net)]


@pytest.mark.parametrize("name", PLACED)
def test_chunks_give_what_the_whole_gives(name):
    net = network(name).eval()
    whole = net(images(), range(STEPS), keys()).scores
    with streaming(net):
        parts = [net(images(), steps, keys()).scores for steps in (range(3), range(3, STEPS))]
    assert all(unit.cells.states is None for unit in spiking_units(net).values())
    assert whole.unique().numel() > 5 and torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("name", PLACED)
def test_lean_memory_gives_the_same_gradients(name):
    net = network(name)
    twin = copy.deepcopy(net)
    keep(twin, Little())
    found, wanted = gradients(twin), gradients(net)
    assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))
    assert all(gradient.any() for gradient in wanted)


@pytest.mark.parametrize("name", PLACED)
def test_segments_give_the_gradients_of_the_whole(name):
    net = network(name)
    for found, wanted in zip(gradients(net, segments=3), gradients(net), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", PLACED)
def test_weights_lead_from_one_network_to_another(name):
    net, other = network(name), network(name, layers=["4C3", "AP2", "6C3", "FC12"])
    for parameter in net.parameters():
        nn.init.uniform_(parameter, -0.5, 0.5)
    other.load_state_dict(net.state_dict(), strict=True)
    given = images(), range(STEPS), keys()
    assert torch.equal(net.eval()(*given).scores, other.eval()(*given).scores)


@pytest.mark.parametrize("name", PLACED)
def test_where_branches_meet_there_is_no_place(name):
    branched = {"widths": [2, 3, 4], "blocks": 1, "shortcut": "pad"}
    made = blueprint(architecture=("resnet20", branched), **PLACED[name])
    with pytest.raises(ValueError, match="branches meet.*set "):
        spiking_network(made)
