"""Networks as NIR: what stands in the file, read again and simulated by the equations of NIR."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from snnexp.errors import ConfigError
from snnexp.export.missing import MissingPackage, need
from snnexp.export.settings import Settings
from snnexp.export.spiking import spiking_graph, usual_dt
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.per_step import PerStep
from snnexp.network.analog import analog_network
from snnexp.network.analog_front import network_with_analog_front
from snnexp.network.parts import connections, spiking_units
from snnexp.network.transfer import fold_norms
from snnexp.network.wiring import wiring
from tests.support.exported import SHAPE, inputs, network, ours, written
from tests.support.networks import blueprint, seeded
from tests.support.nir_simulator import simulate

nir = pytest.importorskip("nir", reason="needs the extra 'export'")

CNN = ("cnn", {"layers": ["4C3", "AP2", "6C3", "FC12"]})
MLP = ("mlp", {"widths": [24, 16]})
HARD, SOFT = {"reset": "hard"}, {"reset": "soft"}
HEIGHT = {"amplitude": "threshold", "threshold": 0.5, "initial_potential": 0.5}
COARSE: dict[str, dict[str, Any]] = {
    "LIF, hard, convolutions": {"neuron": ("lif", HARD), "architecture": CNN},
    "LIF, soft, convolutions": {"neuron": ("lif", SOFT), "architecture": CNN},
    "IF, hard, convolutions": {"neuron": ("if", HARD), "architecture": CNN},
    "IF, soft, convolutions": {"neuron": ("if", SOFT), "architecture": CNN},
    "LIF, hard, linear": {"neuron": ("lif", HARD), "architecture": MLP},
    "IF, soft, linear": {"neuron": ("if", SOFT), "architecture": MLP},
    "complement": {
        "neuron": ("lif", {"leak": 0.75, "input_gain": "complement", "threshold": 0.25})
    },
    "IF with the height of its threshold": {"neuron": ("if", SOFT | HEIGHT)},
    "LIF with the height of its threshold": {"neuron": ("lif", SOFT | HEIGHT)},
    "PLIF": {"neuron": ("plif", {"time_constant": 2.0, "threshold": 0.25})},
    "DIET": {"neuron": ("diet", {"threshold": 0.5, "leak": 0.5})},
    "DIET without leak": {"neuron": ("diet", {"threshold": 2.0, "leak": 1.0})},
    "STDB": {"neuron": ("stdb", {"leak": 0.5, "order": "fire_after"})},
    "pools that fire": {
        "neuron": ("leak_corrected", {"leak": 0.5}),
        "architecture": ("cnn", {"layers": ["4C3", "FP2t0.5", "6C3", "FC12"]}),
    },
    "spikes that are read": {"neuron": ("if", SOFT | HEIGHT), "readout": "rate"},
    "recurrent": {
        "neuron": ("lif", SOFT | HEIGHT),
        "architecture": ("cnn", {"layers": ["4C3", "AP2", "FC16", "R12"]}),
    },
    "silent at first": {"neuron": ("lif", {"leak": 0.0})},
}
FINE: dict[str, dict[str, Any]] = {
    "CUBA, hard": {"neuron": ("lif", HARD), "synapse": "exponential"},
    "CUBA, soft, recurrent": {
        "neuron": ("lif", SOFT | {"input_gain": "complement"}),
        "synapse": "exponential",
        "architecture": ("cnn", {"layers": ["FC16", "R12"]}),
    },
    "alpha": {"neuron": ("lif", HARD), "synapse": "alpha"},
    "two stages before IF": {"neuron": ("if", SOFT), "synapse": "dual_exponential"},
    "one stage before IF, recurrent": {
        "synapse": "exponential",
        "architecture": ("cnn", {"layers": ["FC16", "R12"]}),
    },
    "leaks of any size": {"neuron": ("lif", SOFT | {"leak": 0.9, "threshold": 0.7})},
}


def equal(net, tmp_path, coarse: bool, steps: int = 50, **settings) -> dict[str, torch.Tensor]:
    """Holds the spikes of all layers equal; what every node of the file gives."""
    x = inputs(coarse, steps)
    theirs = simulate(nir.read(written(net, tmp_path / "net.nir", **settings)), x)
    expected = ours(net, x)
    for name in expected.keys() - {"output"}:
        assert 0 < expected[name].mean() < 1, f"{name} says nothing"
        assert torch.equal(theirs[name], expected[name]), name
    return theirs | {"ours": expected["output"]}


@pytest.mark.slow
@pytest.mark.parametrize("chosen", COARSE.values(), ids=COARSE)
def test_spikes_of_the_file_are_ours_at_the_threshold_too(chosen, tmp_path):
    net = network(coarse=True, **chosen)
    found = equal(net, tmp_path, coarse=True, dt=1.0)
    if net.readout.cells[0].spiking:
        assert torch.equal(found["output"], (found["ours"] != 0).float())
    else:
        assert torch.allclose(found["output"], found["ours"], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("chosen", FINE.values(), ids=FINE)
@pytest.mark.parametrize("dt", [None, 0.001])
def test_spikes_are_ours_with_any_numbers_and_timesteps(chosen, dt, tmp_path):
    equal(network(coarse=False, **chosen), tmp_path, coarse=False, dt=dt)


@pytest.mark.slow
@pytest.mark.parametrize("pools", ["average", "sum"])
def test_branches_shortcuts_and_norms_are_written(pools, tmp_path):
    """A residual network whose shortcuts pick pixels, and one that adds spikes."""
    for architecture in ("resnet20", ("sew_dvs", {"widths": [4, 6]})):
        chosen = {"architecture": architecture, "norm": "batch", "neuron": ("if", SOFT | HEIGHT)}
        net = network(coarse=False, **chosen)
        for node in wiring(net).of("pool"):
            if isinstance(node.module[0], nn.MaxPool2d):
                net.set_submodule(node.name, PerStep(AveragePool((2, 2))))
        draws = seeded(5)
        for connection in connections(net).values():
            if not isinstance(connection.norm, nn.Identity):
                bias = connection.norm.normalise[0].bias
                bias.data = torch.rand(bias.shape, generator=draws)
        fold_norms(net)
        equal(net, tmp_path, coarse=False, steps=6, pools=pools)


def test_what_is_written_is_what_is_read(tmp_path):
    net = network(neuron=("if", SOFT | HEIGHT), norm="batch")
    graph = spiking_graph(net, SHAPE, Settings(1.0, "sum"))
    read = nir.read(written(net, tmp_path / "net.nir", "sum"))
    assert read.nodes.keys() == graph.nodes.keys()
    assert sorted(read.edges) == sorted(graph.edges)
    for name, part in graph.nodes.items():
        node = read.nodes[name]
        assert type(node).__name__ == part.kind
        for key, value in (part.fields | part.metadata).items():
            there = node.metadata[key] if key in part.metadata else getattr(node, key)
            there = there.get("input", there.get("output")) if isinstance(there, dict) else there
            assert np.array_equal(there, value), (name, key)
    assert float(read.metadata["dt"]) == 1.0


def test_numbers_of_neurons_are_those_of_the_page():
    """A LIF of leak 0.75, gain 0.25 and threshold 3, and an IF of height 2, by hand."""
    chosen = {"leak": 0.75, "input_gain": "complement", "threshold": 3.0, "reset": "soft"}
    net = network(neuron=("lif", chosen), architecture=("mlp", {"widths": [2]}))
    graph = spiking_graph(net, SHAPE, Settings(0.5, "average"))
    part = graph.nodes["linear1_neurons"]
    assert (part.kind, usual_dt(net)) == ("LIF", 1e-4)
    values = {key: value.tolist() for key, value in part.fields.items()}
    below = float(np.nextafter(np.float32(3), np.float32(0)))
    assert values == {
        "tau": [2.0] * 2,
        "r": [1.0] * 2,
        "v_leak": [0.0] * 2,
        "v_threshold": [below] * 2,
        "v_reset": [0.0] * 2,
    }
    assert part.metadata == {"reset": "subtract", "layer": "body.linear1"}
    chosen = {"amplitude": "threshold", "threshold": 2.0, "reset": "hard"}
    net = network(neuron=("if", chosen), architecture=("mlp", {"widths": [2]}))
    graph = spiking_graph(net, SHAPE, Settings(1.0, "average"))
    part, weight = graph.nodes["linear1_neurons"], net.body.output.layer.weight
    assert (part.kind, usual_dt(net), part.fields["r"].tolist()) == ("IF", 1.0, [1.0] * 2)
    assert np.array_equal(graph.nodes["output_weights"].fields["weight"], 2 * weight.detach())
    assert graph.edges[-1] == ("output_weights", "output")


REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "neuron": ({"neuron": "alif"}, ["body.linear1: NIR has neurons", "and remember by it"]),
    "signs": ({"neuron": "signed"}, ["which neuron Signed is not"]),
    "order": ({"neuron": ("if", {"order": "fire_before"})}, ["neuron.order=fire_after"]),
    "synapse": ({"synapse": "response"}, ["which Response is not", "a timestep late"]),
    "filter": ({"synapse": "iir", "neuron": "srm"}, ["Filter has no node in NIR", "SRM is not"]),
    "norm": ({"norm": "tebn"}, ["a TEBN norm", "norm=batch, tdbn or none"]),
    "maxima": (
        {"architecture": ("cnn", {"layers": ["4C3", "MP2", "FC12"]})},
        ["body.pool1: NIR has no max pool", "AP2 in place of MP2"],
    ),
    "products": (
        {"architecture": ("sew_dvs", {"widths": [4], "function": "iand"})},
        ["branches that meet by iand"],
    ),
}


@pytest.mark.parametrize(("chosen", "told"), REFUSED.values(), ids=REFUSED)
def test_what_nir_cannot_say_is_refused_with_the_reason(chosen, told):
    mlp = {"architecture": ("mlp", {"widths": [4]})}
    net = network(coarse=False, **mlp | chosen)
    with pytest.raises(ConfigError) as error:
        spiking_graph(net, SHAPE, Settings(1.0, "average"))
    assert all(words in str(error.value) for words in told), error.value


def test_all_that_is_in_the_way_is_said_at_once():
    layers = ["4C3", "MP2", "4C3", "FC12"]
    net = network(neuron="clif", norm="bntt", architecture=("cnn", {"layers": layers}))
    with pytest.raises(ConfigError) as error:
        spiking_graph(net, SHAPE, Settings(1.0, "average"))
    assert str(error.value).startswith("3 problems in writing the network as NIR\n")


def test_other_forms_are_refused():
    with pytest.raises(ConfigError, match=r"of form analog.*\.onnx"):
        spiking_graph(analog_network(blueprint()), SHAPE, Settings(1.0, "average"))
    front = network_with_analog_front(blueprint(), 1, nn.ReLU)
    with pytest.raises(ConfigError, match="body.convolution1: AnalogUnit computes real numbers"):
        spiking_graph(front, SHAPE, Settings(1.0, "average"))


def test_the_network_stays_as_it_is():
    net = network(norm="batch")
    before = {name: value.clone() for name, value in net.state_dict().items()}
    spiking_graph(net, SHAPE, Settings(1.0, "sum"))
    after = net.state_dict()
    assert before.keys() == after.keys() and spiking_units(net)
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_package_that_is_missing_is_named_with_what_installs_it():
    with pytest.raises(MissingPackage, match=r"needs not_there.*'snnexp\[export\]'"):
        need("json", "not_there")
