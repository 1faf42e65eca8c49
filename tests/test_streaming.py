"""Streaming: chunks of timesteps give what the whole sequence gives, and nothing outlives the
block.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snnexp.cell import Over, streaming
from snnexp.datasets.batches import Batch
from snnexp.losses.reading import Reading
from snnexp.network.network import Network
from snnexp.network.spiking import spiking_network
from snnexp.training.memory import needed_bytes
from tests.support.marks import case, soak
from tests.support.networks import Spikes, blueprint, chunks, dyadic, encoder, images, keys
from tests.support.options import build_option, options, settings

STEPS = 8
NEURONS = {"if": {}, "lif": {}, "plif": {"threshold": 0.25}}
IN_ORDER = ("scan", "crossings")  # encoders that send no map


EVENTS = ("first_event", "frames")  # encoders of frames


def network(
    encoder_name: str = "direct", neuron: str = "lif", readout: str = "potential", **chosen: Any
) -> Network:
    if encoder_name in IN_ORDER:
        chosen.setdefault("architecture", ("cnn", {"layers": ["FC8", "FC8", "FC12"]}))
    if encoder_name in EVENTS:
        chosen["shape"] = (STEPS, 2, 8, 8)
    plan = blueprint(
        encoder=(encoder_name, {"channels": 1} if encoder_name == "whitening" else {}),
        neuron=(neuron, NEURONS[neuron]),
        readout=readout,
        **chosen,
    )
    return dyadic(spiking_network(replace(plan, encoder=encoder(encoder_name, images(20)))))


def shown(net: Network, count: int) -> Tensor:
    """Images, or frames with one event at most of a place, for the encoder of a network."""
    if net.encoder.axes[0] == "time":
        return images(count, (STEPS, 2, 8, 8)).gt(0.75).float()
    return images(count)


def streamed(net: Network, length: int, count: int = 3) -> Tensor:
    with streaming(net):
        return torch.cat(
            [net(shown(net, count), steps, keys(count)).scores for steps in chunks(STEPS, length)]
        )


def whole(net: Network, count: int = 3) -> Tensor:
    return net(shown(net, count), range(STEPS), keys(count)).scores


def states(net: Network) -> list[Any]:
    return [module.states for module in net.modules() if isinstance(module, Over)]


def pairs() -> Iterator[Any]:
    """Every encoder with every readout, neurons in turn, so that each meets each of both; a third
    of them, in which each occurs, before `make soak`.
    """
    turns = itertools.product(enumerate(options("encoder")), enumerate(options("readout")))
    for (row, name), (column, readout) in turns:
        in_turn = [*NEURONS][(row + column) % len(NEURONS)]
        in_turn = "if" if name in IN_ORDER else in_turn  # one pixel drives no leaky one
        yield (case if (row - column) % 3 == 0 else soak)(name, in_turn, readout)


@pytest.mark.slow
@pytest.mark.parametrize("name, neuron, readout", pairs())
def test_chunks_give_what_the_whole_gives(name, neuron, readout):
    net = network(name, neuron, readout)
    spikes = Spikes(net)
    expected, expected_spikes = whole(net), spikes.taken()
    assert len(expected_spikes) == (4 if build_option("readout", readout).spiking else 3)
    assert all(0 < each.count_nonzero() < each.numel() for each in expected_spikes.values())
    for length in (1, 3, STEPS):
        assert torch.equal(streamed(net, length), expected)
        found = spikes.taken()
        assert all(torch.equal(found[unit], expected_spikes[unit]) for unit in expected_spikes)


@pytest.mark.parametrize("synapse", options("synapse"))
def test_chunks_with_every_synapse(synapse):
    net = network(synapse=synapse)
    assert torch.equal(streamed(net, 3), whole(net))


@torch.no_grad()
def with_statistics(net: Network) -> Network:
    """Statistics and scales that are powers of two, other ones for every channel and timestep."""
    for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
        if ".norm." in name and tensor.is_floating_point():
            start = 0.5 if name.endswith("running_var") else 1.0 if name.endswith("weight") else 0.0
            varied = torch.arange(tensor.numel()).remainder(3).view_as(tensor) / 8
            tensor.copy_(
                torch.full_like(tensor, start) if name.endswith("running_var") else start + varied
            )
    return net


@pytest.mark.slow
@pytest.mark.parametrize("name", ["direct", "poisson"])
@pytest.mark.parametrize("norm", options("norm"))
def test_chunks_with_every_norm(norm, name):
    epsilon = {"epsilon": 0.5} if "epsilon" in settings("norm", norm) else {}
    net = with_statistics(network(name, norm=(norm, epsilon)))
    expected = whole(net)
    assert expected.unique().numel() > 10
    assert all(torch.equal(streamed(net, length), expected) for length in (1, 3, STEPS))


def test_bntt_counts_timesteps_across_chunks():
    net = network(norm=("bntt", {"timesteps": 5, "epsilon": 0.5}))
    with streaming(net):
        net(images(), range(3), keys())
        net(images(), range(3, 5), keys())
        with pytest.raises(ValueError, match="5 timesteps.*timestep 6"):
            net(images(), range(5, 6), keys())
    assert net(images(), range(5), keys()).scores.shape[0] == 5


@pytest.mark.slow
def test_nothing_is_kept_after_the_block():
    net = network()
    first = streamed(net, 3)
    assert states(net) == [None] * len(states(net)) and len(states(net)) == 4
    assert torch.equal(streamed(net, 3), first)
    assert torch.equal(whole(net), first)
    assert whole(net, count=2).shape[1] == 2  # a batch of another size finds no state of the first


def test_within_the_block_states_are_kept_and_lent_anew_by_the_next_block():
    net = network("direct", "if")
    with streaming(net):
        first, second = (net(images(), range(2), keys()).scores for _ in range(2))
        assert not torch.equal(first, second)
    with streaming(net):
        assert torch.equal(net(images(), range(2), keys()).scores, first)


def test_no_gradients_within_the_block():
    net = network()
    with streaming(net):
        logits = net(images(), range(2), keys()).scores
        assert not torch.is_grad_enabled() and not logits.requires_grad
    assert torch.is_grad_enabled() and net(images(), range(2), keys()).scores.requires_grad


@pytest.mark.slow
@pytest.mark.parametrize("culprit", ["block", "network"])
def test_an_exception_leaves_no_state(culprit):
    net = network()
    expected = whole(net)
    handle = (
        net.body.output.register_forward_hook(lambda *_: 1 / 0) if culprit == "network" else None
    )
    with pytest.raises(ZeroDivisionError), streaming(net):
        net(images(), range(2), keys())
        raise ZeroDivisionError
    if handle is not None:
        handle.remove()
    assert all(each is None for each in states(net)) and torch.is_grad_enabled()
    assert torch.equal(whole(net), expected)


def test_potentials_are_float32_under_autocast():
    net, kinds = network(norm=("batch", {})), set()
    with torch.autocast("cpu", torch.bfloat16), streaming(net):
        handle = net.body.convolution2.cells.register_forward_pre_hook(
            lambda _, x: kinds.add(x[0].dtype)
        )
        logits = net(images(), range(3), keys()).scores
        assert kinds == {torch.bfloat16} and logits.dtype == torch.float32
        assert {state[-1].dtype for state in states(net)[:-1]} == {torch.float32}
    handle.remove()


class Streamed(nn.Module):
    """A pass in chunks of eight timesteps."""

    def __init__(self, net: nn.Module, timesteps: int):
        super().__init__()
        self.net, self.timesteps = net, timesteps

    def forward(self, images: Tensor, keys: Tensor) -> Reading:
        with streaming(self.net):
            for start in range(0, self.timesteps, 8):
                reading = self.net(images, range(start, start + 8), keys)
            return reading


@pytest.mark.slow
@pytest.mark.parametrize("name", ["direct", "poisson"])
def test_memory_does_not_grow_with_time(name):
    batch = Batch(images(), torch.zeros(len(images()), dtype=torch.int64), keys())
    short, long = (
        needed_bytes(Streamed(network(name, "if").eval(), timesteps), batch, torch.float32)
        for timesteps in (16, 512)
    )
    assert long < 1.3 * short
