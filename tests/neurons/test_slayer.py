"""Spike response neurons and synapses (Shrestha & Orchard 2018 SLAYER, survey [47]) against sums of
kernels over spikes, as the paper and its public code write them.
"""

import math

import pytest
import torch
from torch import Tensor, nn

from snnexp.cell import Over
from snnexp.layers.connection import Connection
from snnexp.layers.spiking import SpikingUnit
from tests.support.options import build_option

INPUTS, OUTPUTS, BATCH = 5, 4, 2
THETA, TAU_S, TAU_REF, SCALE_REF, TAU_RHO, SCALE_RHO = 2.0, 4.0, 1.5, 2.0, 0.7, 0.8


def alpha(t: float, tau: float) -> float:
    return t / tau * math.exp(1 - t / tau)


class Published(torch.autograd.Function):
    """1 from the threshold on; backward scaleRho / (tauRho theta) exp(-|u - theta| / (tauRho
    theta)).
    """

    @staticmethod
    def forward(ctx, u: Tensor) -> Tensor:
        ctx.save_for_backward(u)
        return (u >= THETA).to(u.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (u,) = ctx.saved_tensors
        width = TAU_RHO * THETA
        return gradient * SCALE_RHO / width * torch.exp(-(u - THETA).abs() / width)


def literal(x: Tensor, w: Tensor) -> Tensor:
    """Spikes of a layer: response kernels in front of the weights, and an own refractory kernel,
    through which no gradient passes.
    """
    steps = len(x)
    response = [sum(alpha(t - i, TAU_S) * x[i] for i in range(t + 1)) for t in range(steps)]
    spikes: list[Tensor] = []
    for t in range(steps):
        u = response[t] @ w.T
        for i, s in enumerate(spikes):
            u = u - SCALE_REF * THETA * alpha(t - i, TAU_REF) * s.detach()
        spikes.append(Published.apply(u))
    return torch.stack(spikes)


def unit() -> SpikingUnit:
    surrogate = build_option(
        "surrogate",
        "exponential",
        {"scale": SCALE_RHO / (TAU_RHO * THETA), "width": TAU_RHO * THETA},
    )
    neuron = build_option(
        "neuron",
        "spike_response",
        {"threshold": THETA, "refractory": TAU_REF, "strength": SCALE_REF},
        surrogate=surrogate,
    )
    synapse = build_option("synapse", "response", {"time_constant": TAU_S})
    torch.manual_seed(3)
    connection = Connection(nn.Linear(INPUTS, OUTPUTS, bias=False), nn.Identity())
    connection.layer.weight.data.mul_(4)
    return SpikingUnit(connection, synapse, neuron).double()


@pytest.mark.parametrize("steps", [2, 3, 5, 12])  # nothing has arrived at the first
def test_values_and_gradients_are_those_of_the_kernels(steps):
    draws = torch.Generator().manual_seed(2)
    x = (torch.rand(steps, BATCH, INPUTS, generator=draws) < 0.5).double().requires_grad_()
    layer = unit()
    inputs = [x, layer.connection.layer.weight]
    found, expected = layer(x), literal(*inputs)
    assert torch.equal(found, expected) and (steps < 5 or 0.05 < found.mean() < 0.8)
    uneven = torch.randn(found.shape, generator=draws).double()
    for own, wanted in zip(
        torch.autograd.grad((found * uneven).sum(), inputs),
        torch.autograd.grad((expected * uneven).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(own, wanted, rtol=0, atol=1e-12)
        assert own.any()


def test_a_spike_acts_a_timestep_later_and_most_at_the_time_constant():
    x = torch.zeros(20, 1, 1, dtype=torch.float64)
    x[0] = 1
    response = Over(build_option("synapse", "response", {"time_constant": 4.0}))(x).flatten()
    assert response.tolist() == pytest.approx([alpha(t, 4.0) for t in range(20)], rel=1e-12)
    assert response[0] == 0 and response.argmax() == 4 and response[4].item() == pytest.approx(1)
