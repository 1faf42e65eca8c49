"""Timed networks in discrete time."""

import math

import pytest
import torch
from torch import nn

from snnexp.network.parts import connections
from snnexp.timed.clock import steps_until
from snnexp.timed.discrete import clocked, output_of
from snnexp.timed.spike_times import spike_times
from snnexp.timed.stepped import stepped
from snnexp.timed.synapses import Synapses
from tests.support import networks
from tests.support.options import build_option
from tests.support.timed import KERNELS, scores, timed

STEP = 1 / 256


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["linear", "convolution"])
@pytest.mark.parametrize("kind", KERNELS)
def test_discrete_time_converges_to_the_exact_times(kind, layer):
    draws = networks.seeded(3)
    shape, size = {"linear": ((6, 20), (15, 20)), "convolution": ((2, 2, 6, 6), (4, 2, 3, 3))}[
        layer
    ]
    times = 2 * torch.rand(shape, generator=draws, dtype=torch.float64)
    synapses = Synapses(torch.rand(size, generator=draws, dtype=torch.float64) * 0.5, None)
    exact, errors = (
        spike_times(times, synapses, build_option("neuron", kind, surrogate=nn.Identity()), "scan"),
        [],
    )
    for step in (1 / 4, 1 / 16, 1 / 64):
        neuron = build_option(
            "neuron", kind, {"step": step}, surrogate=build_option("surrogate", "arctan")
        )
        found = stepped(times, synapses, neuron, int(12 / step))
        assert (found.isfinite() == exact.isfinite()).double().mean() > 0.95
        both = found.isfinite() & exact.isfinite()
        errors.append((found - exact)[both].abs().max().item() / step)
    assert both.any() and all(error < 4 for error in errors), errors


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["if_exp", "if_linear", "if_delta"])
def test_rounded_exact_times_are_what_the_steps_show(kind):
    times = 2 * torch.rand(20, 10, generator=networks.seeded(4), dtype=torch.float64)
    synapses = Synapses(
        torch.randn(8, 10, generator=networks.seeded(5), dtype=torch.float64) + 0.3, None
    )
    neuron = build_option(
        "neuron",
        kind,
        {"step": 0.125, "horizon": 8.0},
        surrogate=build_option("surrogate", "arctan"),
    )
    grid = steps_until(times, 0.125) * 0.125
    rounded = steps_until(spike_times(grid, synapses, neuron, "scan"), 0.125) * 0.125
    found = stepped(times, synapses, neuron, 63)
    assert (
        torch.equal(rounded.masked_fill(rounded >= 8, math.inf), found)
        and found.isfinite().any()
        and found.isinf().any()
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", KERNELS)
def test_a_clocked_network_comes_to_the_exact_decisions(kind):
    network = timed(neuron=kind, changes={"drive": [8.0], "deviation": [4.6]})
    exact = scores(network, 20)[0]
    with torch.no_grad(), clocked(network.body, STEP, int(6 / STEP)):
        output = output_of(
            network.body, network.encoder(networks.images(20), range(1), networks.keys(20)), STEP
        )
        made = output.decisions()
    assert (made.label == exact.argmax(1)).double().mean() > 0.85
    torch.testing.assert_close(STEP * made.step.to(exact.dtype), -exact.amax(1), atol=0.05, rtol=0)
    assert torch.equal(scores(network, 20)[0], exact)  # the clock has been taken off again
    time = (STEP * made.step[:, None]).to(exact.dtype)
    peak = output.potential(time).amax(1)
    assert (peak > 0.9 * network.body[-1].timed.neuron.threshold).all()


def test_ties_go_to_the_larger_potential_and_count_as_such():
    network = timed(
        architecture=("mlp", {"widths": [], "bias": False}), neuron=("if_linear", {"step": 1.0})
    )
    with torch.no_grad():
        weight = next(iter(connections(network).values())).layer.weight.zero_()
        weight[3, 0], weight[5, 0], weight[7, 0] = 0.6, 0.9, 0.4
        inputs = torch.full((1, 1, 1, 8, 8), math.inf)
        inputs[..., 0, 0] = 0.0
        with clocked(network.body, 1.0, 8):
            output = output_of(network.body, inputs, 1.0)
            made = output.decisions()
            assert (made.label.item(), made.step.item(), made.tied.item()) == (5, 2.0, True)
            assert [output.labels_at(step, made).item() for step in (1, 2, 4)] == [5, 5, 5]
