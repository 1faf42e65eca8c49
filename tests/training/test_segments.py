"""Training in time segments: the gradients of the whole sequence from the memory of a part."""

import copy

import pytest
import torch

from snnexp.datasets.batches import Batch
from snnexp.network.spiking import spiking_network
from snnexp.training.execution import Execution, Forward
from snnexp.training.memory import needed_bytes
from snnexp.training.segments import number_of_segments, segmented
from tests.training.test_lean import blueprint


@pytest.mark.slow
@pytest.mark.parametrize("segments", [2, 3, 5])
def test_segments_give_the_gradients_of_the_whole(segments):
    network = spiking_network(
        blueprint("none", {"threshold": 0.3, "detach_reset": False}, ["8C3", "AP2", "D0.5", "FC16"])
    )
    images, keys = torch.rand(4, 2, 12, 12), torch.arange(4)
    torch.manual_seed(3)
    whole = network(images, range(10), keys).scores
    expected = torch.autograd.grad(whole[-1].square().sum(), list(network.parameters()))
    torch.manual_seed(3)
    parts = segmented(network, images, range(10), keys, segments).scores
    grads = torch.autograd.grad(parts[-1].square().sum(), list(network.parameters()))
    torch.testing.assert_close(parts, whole)
    for grad, wanted in zip(grads, expected, strict=True):
        torch.testing.assert_close(grad, wanted, rtol=1e-4, atol=1e-6)
    assert all(loop.states is None for loop in network.modules() if hasattr(loop, "states"))


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["batch", "tdbn", "batch_per_step"])
def test_running_statistics_move_once_per_segment(norm):
    """As if the segments were batches of their own: what is computed again in the backward pass
    does not count twice.
    """
    whole = spiking_network(
        blueprint(norm, {"threshold": 0.3}, ["8C3", "AP2", "8C3", "FC16"])
    ).train()
    parts = copy.deepcopy(whole)
    images, keys = torch.rand(4, 2, 12, 12), torch.arange(4)
    before = [buffer.clone() for buffer in whole.buffers()]
    segmented(parts, images, range(8), keys, 2).scores[-1].square().sum().backward()
    with torch.no_grad():
        segmented(whole, images, range(8), keys, 2)  # no backward pass, nothing is computed again
    assert any(not torch.equal(*pair) for pair in zip(before, whole.buffers(), strict=True))
    for found, wanted in zip(parts.buffers(), whole.buffers(), strict=True):
        assert torch.equal(found, wanted)
    assert {module.momentum for module in parts.modules() if hasattr(module, "momentum")} == {0.1}


@pytest.mark.slow
def test_segments_need_a_fraction():
    network = spiking_network(
        blueprint("batch", {"threshold": 0.3}, ["8C3", "AP2", "8C3", "FC16"])
    ).train()
    batch = Batch(torch.rand(2, 2, 12, 12), torch.zeros(2, dtype=torch.int64), torch.arange(2))
    whole, parts = (
        needed_bytes(Forward(network, range(100), segments), batch, torch.float32)
        for segments in (1, number_of_segments("auto", 100))
    )
    assert (
        parts < 0.2 * whole
    )  # a tenth of the sequence, and the states and currents between the parts


def test_auto_is_the_square_root_from_sixteen_on():
    assert [number_of_segments("auto", timesteps) for timesteps in (1, 4, 15, 16, 17, 36, 100)] == [
        1,
        1,
        1,
        4,
        5,
        6,
        10,
    ]
    assert number_of_segments(7, 4) == 4


@pytest.mark.slow
def test_lean_memory_does_not_keep_what_segments_compute_again():
    batch = Batch(torch.rand(2, 2, 12, 12), torch.zeros(2, dtype=torch.int64), torch.arange(2))

    def needed(memory: str) -> int:
        network = spiking_network(
            blueprint("batch", {"threshold": 0.3}, ["8C3", "AP2", "8C3", "FC16"])
        ).train()
        return needed_bytes(
            Execution(memory, "auto", False).forward(network, range(100)), batch, torch.float32
        )

    assert needed("lean") == needed("default")
