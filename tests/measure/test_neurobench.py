"""NeuroBench's metrics: by hand, against the counts of the house, and against NeuroBench itself
where it is installed (`pip install neurobench`).
"""

import importlib
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from snnexp.cell import streaming
from snnexp.measure.evaluator import Evaluator
from snnexp.measure.neurobench import NeuroBench
from snnexp.network.analog import analog_network
from snnexp.network.parts import analog_units, connections, spiking_units
from tests.measure.test_evaluate import batches
from tests.measure.test_record import STEPS, count, network
from tests.support.networks import blueprint, dyadic, images, keys
from tests.support.options import build_option

SHAPE = (2, 8, 8)
NETWORKS: dict[str, dict[str, Any]] = {
    "direct": {"architecture": ("cnn", {"layers": ["4C3", "3C3", "FC6"]})},
    "poisson": {"encoder": "poisson", "architecture": ("cnn", {"layers": ["4C3s2", "FC6"]})},
    "unpadded": {"architecture": ("cnn", {"layers": ["3C3p0", "4C3s2", "FC6"]}), "neuron": "lif"},
    "largest pools": {"architecture": ("cnn", {"layers": ["4C3", "MP2", "3C3"]})},
    "linear": {"architecture": ("mlp", {"widths": [9, 7]})},
    "average pools": {"architecture": ("cnn", {"layers": ["4C3", "AP2", "3C3"]})},
    "heights": {"neuron": ("if", {"amplitude": "threshold", "threshold": 0.375})},
    "synapse": {"synapse": "exponential", "architecture": ("mlp", {"widths": [9]})},
    "hard": {"neuron": ("lif", {"reset": "hard"}), "architecture": ("mlp", {"widths": [9]})},
    "normed": {"norm": "batch", "architecture": ("cnn", {"layers": ["4C3", "3C3"]})},
}


def stepped(net, pictures=None):
    """A pass timestep by timestep."""
    pictures = images(3, SHAPE) if pictures is None else pictures
    with streaming(net):
        for step in range(STEPS if net.form == "spiking" else 1):
            net(pictures, range(step, step + 1), keys(len(pictures)))


def metrics(net) -> dict[str, Any]:
    bench = NeuroBench(net)
    with bench.counting():
        stepped(net)
    return bench.shown(3)["neurobench"]


def pruned(net):
    """Some weights of every connection at 0."""
    with torch.no_grad():
        for connection in connections(net).values():
            connection.layer.weight.flatten()[::3] = 0
    return net


@pytest.mark.parametrize("name", ["direct", "poisson", "unpadded", "largest pools", "linear"])
def test_without_pools_and_heights_accumulates_are_those_of_the_house(name):
    net = network(SHAPE, **NETWORKS[name])
    found, tally = metrics(net), count(net, images(3, SHAPE))
    assert found["effective_acs"] == float(tally.ac) / 3 > 0
    assert found["activation_sparsity"] == pytest.approx(1 - tally.spikes_per_neuron() / STEPS)
    assert (found["effective_macs"] == 0) == (name == "poisson")
    assert found["connection_sparsity"] == 0


@pytest.mark.parametrize("name", ["average pools", "heights"])
def test_behind_average_pools_and_heights_a_layer_multiplies(name):
    net = network(SHAPE, **NETWORKS[name])
    assert metrics(net)["effective_acs"] < float(count(net, images(3, SHAPE)).ac) / 3


def test_operations_of_a_linear_layer_by_hand():
    net = pruned(network((1, 2, 2), architecture=("mlp", {"widths": [3]})))
    first, last = connections(net).values()
    assert [len(first.layer.weight), len(last.layer.weight)] == [3, 10]
    bench = NeuroBench(net)
    with bench.counting():
        bench._weighted(first.layer, (torch.tensor([[0.0, 0.5, 1.0, 0.0]]),))
        bench._weighted(last.layer, (torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]),))
    kept = (first.layer.weight != 0).sum(0)
    assert bench.sums["macs"] == kept[1] + kept[2]
    kept = (last.layer.weight != 0).sum(0)
    assert bench.sums["acs"] == kept[1] + 2 * kept[2]
    assert bench.sums["dense"] == 12 + 2 * 30
    zeros = sum(int((each.layer.weight == 0).sum()) for each in (first, last))
    assert bench.shown(1)["neurobench"]["connection_sparsity"] == zeros / 42
    held = [*net.parameters(), *net.buffers()]
    assert bench.shown(1)["neurobench"]["footprint"] == sum(4 * each.numel() for each in held)


def test_an_analog_network_multiplies_what_is_not_zero():
    net = dyadic(analog_network(blueprint(architecture=("mlp", {"widths": [9]}))))
    bench = NeuroBench(net)
    with bench.counting():
        stepped(net, images())
    found = bench.shown(3)["neurobench"]
    assert found["dense"] == 64 * 9 + 9 * 10
    assert 0 < found["effective_macs"] < found["dense"] and found["membrane_updates"] is None


def test_an_evaluation_takes_them_in_chunks_of_any_length():
    loss = build_option("loss", "cross_entropy")
    net = network((1, 8, 8), "poisson")
    found = [
        Evaluator(STEPS, chunk, loss, torch.float32, neurobench=True)(net, batches(), True)
        for chunk in (1, 4)
    ]
    assert found[0].shown == found[1].shown and found[0].shown["neurobench"]["effective_acs"] > 0


def installed() -> SimpleNamespace:
    """NeuroBench's own classes."""
    try:
        static, workload, snntorch = (
            importlib.import_module(name)
            for name in ("neurobench.metrics.static", "neurobench.metrics.workload", "snntorch")
        )
        hooks = [
            getattr(importlib.import_module(f"neurobench.hooks.{name}"), kind)
            for name, kind in (("layer", "LayerHook"), ("neuron", "NeuronHook"))
        ]
    except ImportError as missing:
        pytest.skip(f"not compared with NeuroBench itself ({missing}): pip install neurobench")
    return SimpleNamespace(static=static, workload=workload, snntorch=snntorch, hooks=hooks)


def neurobench_of(net) -> dict[str, Any]:
    """The same metrics from NeuroBench's own code, which is shown the layers and neurons."""
    own = installed()
    layer_hook, neuron_hook = own.hooks
    layers = [each for each in net.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    units = [*(spiking_units(net) | analog_units(net)).values()]
    model = SimpleNamespace(
        connection_hooks=[layer_hook(each) for each in layers],
        activation_hooks=[neuron_hook(each) for each in units],
        __net__=lambda: net,
    )
    for hook, unit in zip(model.activation_hooks, units, strict=True):
        observe_membranes(hook, unit)
    stepped(net)
    data = images(3, SHAPE), None
    operations = own.workload.SynapticOperations()(model, None, data)
    updates = own.workload.MembraneUpdates()(model, None, data)
    for hook in [*model.connection_hooks, *model.activation_hooks]:
        hook.close()
    return {
        "footprint": own.static.Footprint()(model),
        "connection_sparsity": own.static.ConnectionSparsity()(model),
        "activation_sparsity": own.workload.ActivationSparsity()(model, None, data),
        "dense": operations["Dense"],
        "effective_macs": operations["Effective_MACs"],
        "effective_acs": operations["Effective_ACs"],
        "membrane_updates": updates,
    }


def observe_membranes(hook, unit):
    """What the hook does to neurons of snnTorch, whose potential is `mem`."""
    if not hasattr(unit, "cells"):
        return

    def before(loop, arguments):
        hook.pre_fire_mem_potential.append(None if loop.states is None else loop.states[-1])

    def after(loop, arguments, output):
        hook.post_fire_mem_potential.append(loop.states[-1])
        if hook.pre_fire_mem_potential[0] is None:
            hook.pre_fire_mem_potential[0] = torch.zeros_like(loop.states[-1])

    unit.cells.register_forward_pre_hook(before)
    unit.cells.register_forward_hook(after)


@pytest.mark.slow
@pytest.mark.parametrize("is_pruned", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_all_metrics_are_those_of_neurobench_itself(name, is_pruned):
    net = network(SHAPE, **NETWORKS[name])
    net = pruned(net) if is_pruned else net
    found = metrics(net)
    expected = neurobench_of(net)
    assert found["connection_sparsity"] == pytest.approx(expected["connection_sparsity"], abs=1e-4)
    for key in expected:
        if key != "connection_sparsity":  # which NeuroBench rounds
            assert found[key] == pytest.approx(expected[key], rel=1e-9), key
