"""Lean memory: the same gradients to the last bit from a fraction of the bytes."""

import gc
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from snnexp.configuration.build import factory
from snnexp.kernels import bits
from snnexp.kernels.bits import Bits, pack
from snnexp.layers.lean import Little
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.parts import keep
from snnexp.network.spiking import spiking_network
from tests.support.options import build_option, settings


def blueprint(norm: str, neuron: dict, layers: list[str]) -> Blueprint:
    """A small convolutional network of plain parts."""
    return Blueprint(
        encoder=build_option("encoder", "direct"),
        architecture=factory(settings("architecture", "cnn", layers=layers)),
        norm=factory(settings("norm", norm)),
        synapse=partial(build_option, "synapse", "instantaneous"),
        neuron=lambda: build_option(
            "neuron", "lif", neuron, surrogate=build_option("surrogate", "arctan")
        ),
        readout=partial(build_option, "readout", "potential"),
        shape=(2, 12, 12),
        classes=10,
    )


def saved_bytes(network: nn.Module, forward: Callable[[], torch.Tensor]) -> int:
    """Bytes kept for the backward pass: storages of saved tensors, each once and without
    parameters, and packed bits.
    """
    storages: dict[int, int] = {}
    parameters = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}

    def seen(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(seen, lambda tensor: tensor):
        output = forward()
    packed = sum(each.bits.nbytes for each in gc.get_objects() if type(each) is Bits)
    del output
    return sum(storages.values()) + packed


def _gradients(network: nn.Module, images: torch.Tensor, dtype: torch.dtype) -> list[torch.Tensor]:
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype != torch.float32):
        logits = network(images, range(6), torch.arange(len(images))).scores
    logits[-1].square().sum().backward()
    return [parameter.grad for parameter in network.parameters()]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("norm", ["batch", "tdbn", "none", "batch_per_step"])
@pytest.mark.parametrize("amplitude", ["unit", "threshold"])
def test_lean_gives_the_same_gradients(norm, dtype, amplitude):
    parts = blueprint(
        norm,
        {"threshold": 0.3, "amplitude": amplitude},
        ["16C3", "AP2", "16C3", "16C3", "AP2", "FC32"],
    )
    torch.manual_seed(0)
    network = spiking_network(parts)
    twin = spiking_network(parts)
    twin.load_state_dict(network.state_dict())
    keep(twin, Little())
    images = torch.rand(3, 2, 12, 12)
    plain = _gradients(network, images, dtype)
    lean = _gradients(twin, images, dtype)
    assert all(torch.equal(a, b) for a, b in zip(plain, lean, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(network.buffers(), twin.buffers(), strict=True))


@pytest.mark.slow
def test_bytes_against_the_analog_twin():
    parts = blueprint("batch", {"threshold": 0.3}, ["32C3", "32C3", "AP2", "32C3", "AP2", "FC64"])
    images, keys, timesteps = torch.rand(4, 2, 12, 12), torch.arange(4), 8
    analog, spiking = analog_network(parts), spiking_network(parts)
    twin = timesteps * saved_bytes(analog, lambda: analog(images, range(1), keys))
    default = saved_bytes(spiking, lambda: spiking(images, range(timesteps), keys))
    keep(spiking, Little())
    lean = saved_bytes(spiking, lambda: spiking(images, range(timesteps), keys))
    assert default / twin <= 1.5
    assert lean / twin <= 0.55


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("value", [1.0, 0.3])
def test_bits_are_lossless(dtype, compiled, value, monkeypatch):
    if not compiled:
        monkeypatch.setattr(bits, "goes_compiled", lambda x: False)
    x = (torch.rand(3, 5, 7, 4, 3) < 0.3).to(dtype) * value
    for spikes in (x, x.permute(0, 1, 3, 4, 2), torch.zeros_like(x)):
        spikes = spikes if spikes.is_contiguous() else spikes.contiguous().permute(0, 1, 4, 2, 3)
        packed = pack(spikes)
        assert packed.bits.numel() == -(-x.numel() // 8)
        assert torch.equal(packed.unpack(), spikes) and packed.unpack().stride() == spikes.stride()


@pytest.mark.parametrize("compiled", [True, False])
def test_what_is_not_two_valued_stays_as_it_is(compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(bits, "goes_compiled", lambda x: False)
    assert pack(torch.tensor([0.0, 1.0, 0.5])) is None
    assert pack(torch.tensor([0.0, 1.0, -1.0])) is None
    assert pack(torch.tensor([0.0, 1.0], dtype=torch.float64)) is None
    assert pack(torch.ones(4, 4)[:, ::2]) is None
