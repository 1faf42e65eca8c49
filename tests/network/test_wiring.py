"""The wiring of networks: what gets its values from what."""

from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from torch import nn

from snnexp.cell import Over
from snnexp.layers.concatenation import Concatenation
from snnexp.layers.connection import Connection, Sum
from snnexp.layers.dropout import Dropout
from snnexp.layers.elementwise import Elementwise
from snnexp.layers.joint import Joint
from snnexp.layers.squeeze_excitation import SqueezeExcitation
from snnexp.network.analog import analog_network
from snnexp.network.network import Network
from snnexp.network.parts import connections, depth, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.network.wiring import INPUT, wiring
from tests.support.networks import blueprint
from tests.support.options import build_option, options


def connection(inputs=1, outputs=1):
    return Connection(nn.Conv2d(inputs, outputs, 1), nn.Identity())


def output():
    return Connection(nn.Linear(4, 10), nn.Identity(), before=(nn.Flatten(),))


def network(**body) -> Network:
    """A spiking network of these modules, one behind the other; callables get what makes units."""

    def architecture(unit, **about):
        made = {
            name: part if isinstance(part, nn.Module) else part(unit) for name, part in body.items()
        }
        return nn.Sequential(OrderedDict(made, output=output()))

    return spiking_network(replace(blueprint((1, 2, 2)), architecture=architecture))


def test_a_chain():
    wired = wiring(network(first=lambda unit: unit(connection()), drop=Dropout(0.5)))
    assert [(node.name, node.kind) for node in wired.nodes] == [
        ("encoder", "encoder"),
        ("body.first.connection", "connection"),
        ("body.first", "unit"),
        ("body.drop", "stream"),
        ("body.output", "connection"),
        ("readout", "readout"),
    ]
    names = [INPUT, *(node.name for node in wired.nodes)]
    assert wired.edges == tuple(zip(names[:-1], names[1:], strict=True))


def test_the_output_has_neurons_where_the_readout_reads_spikes():
    wired = wiring(spiking_network(blueprint(readout="rate")))
    assert wired.edges[-2:] == (("body.output", "output"), ("output", "readout"))
    assert [node.name for node in wired.driving("output")] == ["body.output"]


def test_a_residual_block():
    def block(unit):
        return unit(Sum(nn.Sequential(unit(connection()), connection()), nn.Identity()))

    wired = wiring(network(block=block))
    joint, branch = "body.block.connection", "body.block.connection.branches.0"
    assert wired.edges[1:] == (
        ("encoder", f"{branch}.0.connection"),
        (f"{branch}.0.connection", f"{branch}.0"),
        (f"{branch}.0", f"{branch}.1"),
        (f"{branch}.1", joint),
        ("encoder", joint),
        (joint, "body.block"),
        ("body.block", "body.output"),
        ("body.output", "readout"),
    )
    assert [node.name for node in wired.driving("body.block")] == [f"{branch}.1"]
    inside = [node.name for node in wired.nodes if node.within == (joint,)]
    assert inside == [f"{branch}.0.connection", f"{branch}.0", f"{branch}.1"]


@pytest.mark.parametrize(
    ("make", "joins"),
    [
        (lambda *branches: Sum(*branches), "sum"),
        (lambda *branches: Concatenation(*branches), "concatenation"),
        (lambda *branches: Elementwise("iand", *branches), "iand"),
    ],
)
def test_joints_get_what_their_branches_give(make, joins):
    wired = wiring(network(joint=lambda unit: make(nn.Identity(), unit(connection()))))
    joint = wired.by_name["body.joint"]
    assert (joint.kind, joint.module.joins) == ("joint", joins)
    assert joint.sources == ("encoder", "body.joint.branches.1")


def test_gates_are_a_branch():
    wired = wiring(network(gated=lambda unit: SqueezeExcitation(unit(connection()), connection())))
    assert wired.by_name["body.gated"].sources == ("encoder", "body.gated.gate")
    gate = wired.by_name["body.gated.gate"]
    assert (gate.kind, gate.sources) == ("stream", ("body.gated.excite",))


def test_parts_of_networks_are_wired_too():
    unit = network(first=lambda unit: unit(connection())).body.first
    wired = wiring(unit)
    assert wired.edges == ((INPUT, "connection"), ("connection", ""))
    assert wired.driving("")[0].module is unit.connection
    assert wiring(nn.Identity()).nodes == ()


class Unsaid(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.other = connection(), connection()


def test_a_module_that_does_not_say_how_its_layers_run_is_refused():
    with pytest.raises(TypeError, match="unsaid: Unsaid does not say .* make it an nn.Sequential"):
        wiring(network(unsaid=Unsaid()))


@pytest.mark.slow
@pytest.mark.parametrize("form", [spiking_network, analog_network])
@pytest.mark.parametrize("name", options("architecture"))
def test_every_architecture_has_a_wiring(name, form):
    with torch.device("meta"):
        made = replace(blueprint((3, 64, 64), architecture=(name, SHALLOW.get(name, {}))))
        net = form(made)
    wired = wiring(net)
    seen = {INPUT}
    for node in wired.nodes:
        assert set(node.sources) <= seen and node.name not in seen
        assert net.get_submodule(node.name) is node.module
        seen.add(node.name)
    modules = {module for module in net.modules() if isinstance(module, Connection | Joint)}
    assert {node.module for node in wired.of("connection", "joint")} == modules
    senders = {source for source, _ in wired.edges}
    assert {node.name for node in wired.nodes} - senders == {
        "readout"
    }  # nothing is lost on the way


SHALLOW = {
    **{name: {"blocks": [1, 1, 1, 1]} for name in ("resnet50", "resnet50_cifar", "sew_resnet152")},
    "efficientnet_b7": {"blocks": [2] * 7},
    "sew_dvs": {"widths": [64, 128]},
    "resnet34_wide": {"head": ["GAP"]},
}


def test_walkers_read_the_wiring():
    def block(unit):
        return unit(Sum(nn.Sequential(unit(connection()), connection()), nn.Identity()))

    net = network(first=lambda unit: unit(connection()), block=block)
    branch = "body.block.connection.branches.0"
    assert list(connections(net)) == [
        "body.first.connection",
        f"{branch}.0.connection",
        f"{branch}.1",
        "body.output",
    ]
    assert list(spiking_units(net)) == ["body.first", f"{branch}.0", "body.block"]
    assert depth(net) == 3


def test_a_loop_over_time_is_the_layer_within_it():
    cell = build_option("readout", "potential")
    wired = wiring(nn.Sequential(Over(cell)))
    assert [(node.kind, node.layer) for node in wired.nodes] == [("stream", cell)]
