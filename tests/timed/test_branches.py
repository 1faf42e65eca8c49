"""Timed networks with branches side by side."""

from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from torch import nn

from snnexp.datasets.base import Split
from snnexp.datasets.batches import Batches
from snnexp.datasets.pixels import Pixels
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.concatenation import Concatenation
from snnexp.layers.connection import Connection
from snnexp.layers.per_step import PerStep
from snnexp.measure.timed_report import through_time
from snnexp.network.network import Network
from snnexp.timed.layers import timed_layers
from snnexp.timed.network import timed_network
from tests.support import networks
from tests.support.options import build_option
from tests.support.timed import PARTS, scores, timed_form


def branched(unit, **about):
    """A convolution, three branches of which two have a pool or a chain, and an average before the
    output.
    """

    def fire(inputs, outputs, kernel=1):
        return unit(
            Connection(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.Identity())
        )

    pooled = nn.Sequential(PerStep(nn.MaxPool2d(3, stride=1, padding=1)), fire(3, 2))
    block = Concatenation(fire(3, 4), nn.Sequential(fire(3, 2), fire(2, 3, kernel=3)), pooled)
    output = Connection(
        nn.Linear(9 * 4, about["features"]),
        nn.Identity(),
        before=(AveragePool((4, 4)), nn.Flatten()),
    )
    return nn.Sequential(OrderedDict(first=fire(1, 3, kernel=3), block=block, output=output))


def with_branches() -> Network:
    torch.manual_seed(2)
    given = replace(networks.blueprint(**PARTS, neuron="if_exp"), architecture=branched)
    return timed_network(given, timed_form()).eval()


@pytest.mark.slow
def test_branches_stand_side_by_side():
    network = with_branches()
    x = network.encoder(networks.images(5), range(1), networks.keys(5))
    h = network.body.first(x)
    near, (narrow, wide), (_, behind) = network.body.block.branches
    pooled = -nn.functional.max_pool2d(-h[0], 3, 1, 1)[None]
    expected = torch.cat([near(h), wide(narrow(h)), behind(pooled)], 2)
    assert torch.equal(network.body.block(h), expected) and expected.isfinite().any()
    assert scores(network).shape == (1, 5, 10) and (scores(network) > -11.5).any()


@pytest.mark.slow
def test_layers_of_branches_are_counted_in_the_order_they_fire_in():
    network = with_branches()
    names = [layer.name for layer in timed_layers(network)]
    branches = [f"body.block.branches.{place}" for place in ("0", "1.0", "1.1", "2.1")]
    assert names == ["body.first", *branches, "body.output"]
    split = Split((255 * networks.images(6)).to(torch.uint8), torch.arange(6), torch.arange(6))
    batches = Batches(split, 6, Pixels([0.0], [1.0]), None, device=torch.device("cpu"), seed=1)
    tally, shown = through_time(network, batches, 16)
    neurons = {name: layer["neurons"] for name, layer in tally.spikes_by_layer().items()}
    assert (
        neurons == dict(zip(names, [3 * 64, 4 * 64, 2 * 64, 3 * 64, 2 * 64, 10], strict=True))
        and len(shown["resolution"]) == 2
    )


@pytest.mark.slow
def test_a_network_with_branches_learns():
    network = with_branches().train()
    optimizer, losses = torch.optim.Adam(network.parameters(), 0.01), []
    for _ in range(30):
        value = build_option("loss", "spike_time", {"domain": "exponential"})(
            networks.reading(scores(network, 10)), torch.arange(10)
        )
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(value.item())
    assert (
        all(parameter.grad is not None for parameter in network.parameters())
        and losses[-1] < 0.9 * losses[0]
    )
