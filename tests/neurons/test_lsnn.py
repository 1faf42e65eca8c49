"""Recurrent layers of neurons with adaptive thresholds (Bellec 2018 LSNN, survey [50]) against
their equations.
"""

import pytest
import torch
from torch import Tensor, nn

from snnexp.cell import Over, streaming
from snnexp.layers.connection import Connection
from snnexp.layers.recurrent import Recurrent
from snnexp.layers.spiking import SpikingUnit
from snnexp.surrogates.base import Surrogate
from tests.support.options import build_option

INPUTS, NEURONS, BATCH = 5, 7, 3
LEAK, THRESHOLD, STRENGTH, DECAY = 0.7, 0.15, 0.4, 0.9
ADAPT = 3  # of the neurons


class Published(torch.autograd.Function):
    """1 from the threshold on, and a triangle of height 0.3 backward."""

    @staticmethod
    def forward(ctx, v: Tensor) -> Tensor:
        ctx.save_for_backward(v)
        return (v >= 0).to(v.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (v,) = ctx.saved_tensors
        return gradient * 0.3 * (1 - v.abs()).clamp(min=0)


def literal(x: Tensor, w: Tensor, w_rec: Tensor, refractory: int, synapse: float = 1.0) -> Tensor:
    """The spikes of a recurrent layer, neuron by neuron as the paper writes it; `synapse` is a time
    constant that it does not have.
    """
    beta = torch.tensor([0.0] * (NEURONS - ADAPT) + [STRENGTH] * ADAPT, dtype=x.dtype)
    v = b = z = i = torch.zeros(x.shape[1], NEURONS, dtype=x.dtype)
    spikes: list[Tensor] = []
    for x_t in x:
        i = i + (x_t @ w.T + z @ w_rec.T - i) / synapse
        b = DECAY * b + (1 - DECAY) * z
        threshold = THRESHOLD + beta * b
        v = LEAK * v + (1 - LEAK) * i
        z = Published.apply((v - threshold) / threshold)
        for past in spikes[len(spikes) - refractory :] if refractory else []:
            z = torch.where(past > 0, torch.zeros_like(z), z)
        v = v - z * threshold
        spikes.append(z)
    return torch.stack(spikes)


def triangle() -> Surrogate:
    return build_option("surrogate", "triangle", {"scale": 0.3, "width": 1.0})


def unit(refractory: int = 0, synapse: str = "instantaneous") -> SpikingUnit:
    settings = {
        "leak": LEAK,
        "threshold": THRESHOLD,
        "share": ADAPT / NEURONS,
        "strength": STRENGTH,
        "decay": DECAY,
        "refractory": refractory,
        "detach_reset": False,
    }
    torch.manual_seed(4)
    connection = Recurrent(
        Connection(nn.Linear(INPUTS, NEURONS, bias=False), nn.Identity()),
        nn.Linear(NEURONS, NEURONS, bias=False),
    )
    neuron = build_option("neuron", "alif", settings, surrogate=triangle())
    return SpikingUnit(connection, build_option("synapse", synapse), neuron).double()


def drive(steps: int) -> Tensor:
    return torch.rand(
        steps, BATCH, INPUTS, generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )


@pytest.mark.parametrize("synapse, time_constant", [("instantaneous", 1.0), ("exponential", 3.0)])
@pytest.mark.parametrize("refractory", [0, 2])
@pytest.mark.parametrize("steps", [1, 2, 5, 12])
def test_values_and_gradients_are_those_of_the_equations(steps, refractory, synapse, time_constant):
    layer, x = unit(refractory, synapse), drive(steps).requires_grad_()
    inputs = [x, layer.connection.layer.weight, layer.connection.feedback.weight]
    expected, found = literal(*inputs, refractory, time_constant), layer(x)
    assert torch.equal(found, expected) and (steps < 5 or 0.05 < found.mean() < 0.9)
    uneven = torch.randn(found.shape, generator=torch.Generator().manual_seed(5)).double()
    for own, wanted in zip(
        torch.autograd.grad((found * uneven).sum(), inputs),
        torch.autograd.grad((expected * uneven).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(own, wanted, rtol=0, atol=1e-12)
        assert own.any() or steps < 5


def test_a_spike_reaches_its_own_layer_a_timestep_later():
    layer = unit()
    nn.init.constant_(layer.connection.layer.weight, 0.0)
    nn.init.constant_(layer.connection.feedback.weight, 1.0)
    layer.connection.layer.weight.data[0] = 1.0  # the first neuron alone hears the input
    x = torch.zeros(3, 1, INPUTS, dtype=torch.float64)
    x[0] = 1.0
    fired = layer(x)[:, 0]
    assert fired[0].tolist() == [1.0] + [0.0] * (NEURONS - 1) and fired[1].all()


def test_chunks_give_what_the_whole_gives():
    layer, x = unit(2), drive(12)
    with streaming(layer):
        chunks = torch.cat([layer(x[:1]), layer(x[1:6]), layer(x[6:])])
    assert torch.equal(chunks, layer(x))


def test_only_the_last_neurons_adapt():
    neuron = build_option(
        "neuron", "alif", {"share": 0.4, "leak": 0.0, "decay": 0.5}, surrogate=triangle()
    )
    fired = Over(neuron)(torch.full((9, 1, 5), 0.7))[:, 0].sum(0)
    assert fired[:3].tolist() == [9.0] * 3 and (fired[3:] < 9).all() and (fired[3:] > 0).all()


def test_weights_are_named_once_and_known_to_the_cell():
    layer = unit()
    assert sorted(layer.state_dict()) == [
        "connection.feedback.weight",
        "connection.weights.0.weight",
    ]
    assert layer.feedback is layer.connection.feedback
    assert layer.neuron is layer.cells.cells[0].neuron


@pytest.mark.parametrize("name", ["leak_corrected", "switch"])
def test_a_neuron_that_needs_the_whole_window_is_refused(name):
    connection = Recurrent(Connection(nn.Linear(2, 3), nn.Identity()), nn.Linear(3, 3, bias=False))
    given = {"surrogate": triangle()} if name == "leak_corrected" else {}
    neuron = build_option("neuron", name, **given)
    with pytest.raises(ValueError, match="set neuron=lif or alif"):
        SpikingUnit(connection, build_option("synapse", "instantaneous"), neuron)
