"""Synapses of several terminals, and SpikeProp, which has them."""

import math

import pytest
import torch
from torch import nn

from snnexp.network.parts import connections
from snnexp.timed.delays import Delays, terminals
from snnexp.timed.spike_times import spike_times
from snnexp.timed.synapses import Synapses
from tests.support import networks
from tests.support.options import build_option
from tests.support.timed import scores, timed


def test_spikes_arrive_once_per_terminal():
    delays = Delays([1.0, 4.0])
    assert delays(torch.tensor([[0.0, 2.0, math.inf]])).tolist() == [
        [1, 4, 3, 6, math.inf, math.inf]
    ]
    assert delays(torch.tensor([0.0, 2.0]).view(1, 2, 1, 1)).flatten().tolist() == [1, 4, 3, 6]


@pytest.mark.slow
@pytest.mark.parametrize(
    "architecture", [("mlp", {"widths": [6]}), ("cnn", {"layers": ["3C3", "MP2", "FC5"]})]
)
def test_every_synapse_has_a_weight_per_terminal(architecture):
    network, plain = (
        timed(architecture=architecture, changes={"delays": delays})
        for delays in ([0.0, 0.5, 1.0], [])
    )
    for with_delays, without in zip(
        connections(network).values(), connections(plain).values(), strict=True
    ):
        sizes = [list(each.layer.weight.shape) for each in (with_delays, without)]
        assert (
            sizes[0] == [sizes[1][0], 3 * sizes[1][1], *sizes[1][2:]]
            and terminals(with_delays) == 3
            and terminals(without) == 1
        )
    assert scores(network).shape == (1, 5, 10) and not torch.equal(scores(network), scores(plain))


TAU, DELAYS, TARGET = 7.0, [1.0, 2.0, 5.0], (4.0, 9.0)


def response(s):
    """Of a neuron of SpikeProp to a spike, and its derivative: (s / tau) exp(1 - s / tau)."""
    s = s.clamp(min=0)
    return s / TAU * torch.exp(1 - s / TAU), (s > 0) * (1 - s / TAU) / TAU * torch.exp(1 - s / TAU)


def test_the_gradient_is_the_rule_of_spikeprop():
    """Bohte 2002 (survey [65], equations 12 and 17): delta of the outputs and of the hidden
    neurons, written down as they stand.
    """
    neuron = ("alpha", {"time_constant": TAU, "threshold": TAU / math.e, "horizon": 100.0})
    network = timed(
        neuron=neuron,
        architecture=("mlp", {"widths": [4], "bias": False}),
        changes={"delays": DELAYS, "drive": [6.0], "deviation": [3.0]},
    ).double()
    images, labels = networks.images(1).double(), torch.tensor([2])
    loss = build_option("loss", "time_error", {"early": TARGET[0], "late": TARGET[1]})
    loss(network(images, range(1), networks.keys(1)), labels).backward()
    layers = [connection.layer.weight for connection in connections(network).values()]
    times = [network.encoder(images, range(1), networks.keys(1))[0].flatten(1)[0]]
    times += [
        network.body[0](times[0].view(1, 1, 1, 8, 8))[0, 0].detach(),
        network.body(times[0].view(1, 1, 1, 8, 8))[0, 0].detach(),
    ]
    assert all(each.isfinite().all() for each in times[1:])
    given = [
        response(out[:, None, None] - sent[None, :, None] - torch.tensor(DELAYS))
        for sent, out in zip(times, times[1:], strict=False)
    ]
    weights = [
        layers[0].detach().unflatten(1, (len(DELAYS), -1)).transpose(1, 2),
        layers[1].detach().unflatten(1, (-1, len(DELAYS))),
    ]
    (hidden, hidden_slope), (last, last_slope) = given
    target = torch.full((10,), TARGET[1], dtype=torch.float64).scatter(0, labels, TARGET[0])
    delta = (target - times[2]) / (weights[1] * last_slope).sum((1, 2))
    below = (delta[:, None] * (weights[1] * last_slope).sum(2)).sum(0) / (
        weights[0] * hidden_slope
    ).sum((1, 2))
    torch.testing.assert_close(
        layers[1].grad, (last * delta[:, None, None]).flatten(1), rtol=1e-8, atol=1e-12
    )
    torch.testing.assert_close(
        layers[0].grad,
        (hidden * below[:, None, None]).transpose(1, 2).flatten(1),
        rtol=1e-8,
        atol=1e-12,
    )


@pytest.mark.slow
def test_spikeprop_learns_exclusive_or():
    """Bohte 2002 (survey [65]): three inputs, five hidden neurons, sixteen delays per
    connection.
    """
    torch.manual_seed(1)
    neuron = build_option(
        "neuron",
        "alpha",
        {"time_constant": 7.0, "threshold": 7 / math.e, "horizon": 100.0},
        surrogate=nn.Identity(),
    )
    inputs = torch.tensor([[0.0, a, b] for a in (0, 6) for b in (0, 6)], dtype=torch.float64)
    target = torch.tensor([16.0, 10, 10, 16], dtype=torch.float64)
    delays = Delays([float(each) for each in range(1, 17)])
    hidden = (torch.rand(5, 48, dtype=torch.float64) * 0.3).requires_grad_()
    last = (torch.rand(1, 80, dtype=torch.float64) * 0.2).requires_grad_()
    sign = torch.tensor([1.0, 1, 1, 1, -1], dtype=torch.float64)[:, None].expand(5, 16).reshape(-1)
    optimizer, errors = torch.optim.Adam([hidden, last], 0.02), []
    for _ in range(300):
        times = inputs
        for weight in (hidden, last * sign):
            times = spike_times(
                delays(times), Synapses(weight, None), neuron, "scan", slope_limit=10.0
            )
        error = (times[:, 0].clamp(max=100) - target).square().sum() / 2
        errors.append(error.item())
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    assert min(errors) < 1.0
