"""New weights for neurons that hardly ever fire."""

import pytest
import torch

from snnexp.network.parts import connections
from snnexp.timed.redraw import Redraw
from tests.support.timed import scores, timed, timed_form

LABELS = torch.zeros(20, dtype=torch.long)
CNN = ("cnn", {"layers": ["4C3", "MP2", "FC6"], "bias": True})


def epoch(network, share: float, seed: int = 7) -> tuple[dict, list[torch.Tensor]]:
    """What an epoch of two batches, and what follows it, say and leave of the weights."""
    redraw = Redraw(share, timed_form().first_weights, network.train())
    for _ in range(2):
        scores(network, 20)
        redraw.see(len(LABELS))
    return redraw(seed), [
        connection.layer.weight.detach().clone() for connection in connections(network).values()
    ]


def with_a_dead_neuron(**chosen):
    network = timed(**chosen)
    first = next(iter(connections(network).values())).layer
    with torch.no_grad():
        first.weight[2], first.bias[2] = -1.0, 0.25
    return network, first.weight.detach().clone(), first


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [("mlp", {"widths": [12], "bias": True}), CNN])
def test_only_dead_hidden_neurons_get_new_weights(architecture):
    network, before, first = with_a_dead_neuron(architecture=architecture)
    with torch.no_grad():
        list(connections(network).values())[-1].layer.weight[
            3
        ] = -1.0  # of the output layer, which is left as it is
    shown, after = epoch(network, 0.001)
    changed = (after[0] != before).flatten(1).any(1)
    assert (
        shown == {"train/redrawn": 1}
        and changed.nonzero().flatten().tolist() == [2]
        and (after[-1][3] == -1).all()
    )
    fan_in, unit = before[0].numel(), 1 / before[0].numel()
    assert (
        (after[0][2] >= -0.01 * unit).all()
        and (after[0][2] <= 8.01 * unit).all()
        and first.bias[2] == 0
        and fan_in > 1
    )


@pytest.mark.slow
def test_the_draws_depend_on_the_seed_alone():
    found = []
    for seed, noise in ((7, 1), (7, 2), (8, 1)):
        network, _, _ = with_a_dead_neuron()
        torch.manual_seed(noise)
        found.append(epoch(network, 0.001, seed)[1][0])
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_counts_start_anew_with_each_epoch():
    network, _, first = with_a_dead_neuron()
    redraw = Redraw(0.75, timed_form().first_weights, network.train())
    for fires in (True, False):
        with torch.no_grad():
            first.weight[2] = 1.0 if fires else -1.0
        scores(network, 20)
        redraw.see(len(LABELS))
        assert redraw(1)["train/redrawn"] == (0 if fires else 1)


def test_without_a_share_nothing_is_drawn():
    network, before, _ = with_a_dead_neuron()
    shown, after = epoch(network, 0.0)
    assert shown == {} and torch.equal(after[0], before)


def test_a_neuron_that_fires_rarely_enough_is_dead():
    network, before, first = with_a_dead_neuron()
    redraw = Redraw(0.5, timed_form().first_weights, network.train())
    for weight in (1.0, -1.0, -1.0):
        with torch.no_grad():
            first.weight[2] = weight
        scores(network, 20)
        redraw.see(len(LABELS))
    assert redraw(1) == {"train/redrawn": 1}
