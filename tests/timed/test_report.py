"""What is counted of timed networks, and their curves."""

import pytest
import torch

from snnexp.datasets.base import Split
from snnexp.datasets.batches import Batches
from snnexp.datasets.pixels import Pixels
from snnexp.measure.timed_report import through_time
from tests.support import networks
from tests.support.timed import timed


@pytest.mark.slow
def test_counts_and_curves_of_a_network():
    network = timed()
    images = (255 * networks.images(30)[:, :]).to(torch.uint8)
    split = Split(images, torch.arange(30) % 10, torch.arange(30))
    batches = Batches(split, 16, Pixels([0.0], [1.0]), None, device=torch.device("cpu"), seed=1)
    tally, shown = through_time(network, batches, 32)
    assert [row["timesteps"] for row in shown["resolution"]] == [8, 16, 32] and len(
        shown["accuracy_by_timestep"]
    ) == 32
    assert shown["accuracy_by_timestep"][-1] == shown["resolution"][-1]["accuracy"]
    times = network.encoder(images / 255, range(1), networks.keys(30))
    hidden = network.body[0](times)[0]
    outputs = network.body(times)[0]
    until = outputs.amin(1, keepdim=True)
    assert tally.spikes_by_layer()["body.linear1"]["spikes_per_neuron"] == pytest.approx(
        hidden.isfinite().float().mean().item()
    )
    assert shown["spikes_by_layer_until_decision"]["body.linear1"] == pytest.approx(
        (hidden < until).float().mean().item()
    )
    assert shown["spikes_by_layer_until_decision"]["body.output"] == 0
    arrived = times.isfinite().sum() * 12 + hidden.isfinite().sum() * 10
    assert float(tally.ac) == arrived and tally.mac_ann == 30 * (64 * 12 + 12 * 10)


@pytest.mark.slow
def test_spikes_reach_every_terminal_in_the_counts():
    network = timed(changes={"delays": [0.0, 0.5, 1.0]})
    split = Split((255 * networks.images(6)).to(torch.uint8), torch.arange(6), torch.arange(6))
    batches = Batches(split, 6, Pixels([0.0], [1.0]), None, device=torch.device("cpu"), seed=1)
    tally, _ = through_time(network, batches, 8)
    times = network.encoder(next(batches.epoch(0, False)).input, range(1), networks.keys(6))
    arrived = 3 * 12 * times.isfinite().sum() + 3 * 10 * network.body[0](times).isfinite().sum()
    assert float(tally.ac) == arrived and tally.mac_ann == 6 * 3 * (64 * 12 + 12 * 10)
