"""Spike response neurons behind filters in front of weights (Fang H. 2020, survey [55]) against
their equations.
"""

import math

import pytest
import torch
from torch import Tensor, nn

from snnexp.cell import Over
from snnexp.layers.filter import Filter
from snnexp.network.sizing import size_cells
from snnexp.surrogates.base import Surrogate
from tests.support.options import build_option

INPUTS, OUTPUTS, TAU_M, TAU_S = 5, 4, 4.0, 1.0


class Published(torch.autograd.Function):
    """1 above the threshold of 1, and the normal density of width 0.4 backward."""

    @staticmethod
    def forward(ctx, v: Tensor) -> Tensor:
        ctx.save_for_backward(v)
        return (v > 1).to(v.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (v,) = ctx.saved_tensors
        density = torch.exp(-((1 - v) ** 2) / (2 * 0.4**2)) / (math.sqrt(2 * math.pi) * 0.4)
        return gradient * density


def literal(x: Tensor, weight: Tensor, coefficients: tuple[Tensor, ...]) -> Tensor:
    """The spikes of a layer, as the paper's code computes them."""
    alpha_1, alpha_2, beta_1 = coefficients
    f_1 = f_2 = torch.zeros(x.shape[1:], dtype=x.dtype)
    trace, spikes = torch.zeros(x.shape[1], len(weight), dtype=x.dtype), []
    for x_t in x:
        f = alpha_1 * f_1 + alpha_2 * f_2 + beta_1 * x_t
        s = Published.apply(f @ weight.T - trace)
        trace = trace * math.exp(-1 / TAU_M) + s
        f_1, f_2 = f, f_1
        spikes.append(s)
    return torch.stack(spikes)


def published() -> tuple[Tensor, ...]:
    d, r = math.exp(-1 / TAU_M), math.exp(-1 / TAU_S)
    values = d + r, -math.exp(-(TAU_M + TAU_S) / (TAU_M * TAU_S)), d - r
    return tuple(
        torch.full((INPUTS,), value, dtype=torch.float64, requires_grad=True) for value in values
    )


def gaussian() -> Surrogate:
    scale = 1 / (math.sqrt(2 * math.pi) * 0.4)
    return build_option("surrogate", "gaussian", {"scale": scale, "width": 0.4})


def layer() -> tuple[Filter, Over]:
    filtered = Filter(build_option("synapse", "iir", {"decay": TAU_M, "rise": TAU_S}))
    size_cells(filtered, (INPUTS,))
    neuron = build_option("neuron", "srm", {"time_constant": TAU_M}, surrogate=gaussian())
    with torch.no_grad():  # single precision has rounded what float64 is compared with
        for parameter, value in zip(filtered.double().parameters(), published(), strict=True):
            parameter.copy_(value)
    return filtered, Over(neuron)


@pytest.mark.parametrize("steps", [1, 2, 5, 12])
def test_a_layer_is_what_was_published(steps):
    draws = torch.Generator().manual_seed(steps)
    x = torch.rand(steps, 3, INPUTS, generator=draws, dtype=torch.float64)
    weight = torch.randn(OUTPUTS, INPUTS, generator=draws, dtype=torch.float64).requires_grad_()
    (filtered, neurons), coefficients = layer(), published()
    found = neurons(filtered(x) @ weight.T)
    wanted = literal(x, weight, coefficients)
    assert torch.equal(found, wanted) and (steps < 5 or found.any())
    shown = torch.randn(found.shape, generator=draws, dtype=torch.float64)
    ours = torch.autograd.grad((found * shown).sum(), [weight, *filtered.parameters()])
    theirs = torch.autograd.grad((wanted * shown).sum(), [weight, *coefficients])
    for gradient, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)


def test_an_impulse_is_answered_by_two_exponentials():
    filtered, _ = layer()
    x = torch.zeros(20, 1, INPUTS, dtype=torch.float64)
    x[0] = 1
    d, r = math.exp(-1 / TAU_M), math.exp(-1 / TAU_S)
    expected = [d ** (t + 1) - r ** (t + 1) for t in range(20)]
    assert filtered(x)[:, 0, 0].tolist() == pytest.approx(expected, rel=1e-12)


def test_a_constant_input_is_raised_to_the_published_gain():
    filtered, _ = layer()
    settled = filtered(torch.ones(100, 1, INPUTS, dtype=torch.float64))[-1, 0, 0].item()
    assert settled == pytest.approx(2.94, abs=0.005)


def test_time_constants_that_cancel_are_refused():
    with pytest.raises(ValueError, match=r"synapse.rise: .* set synapse.rise=0.5"):
        build_option("synapse", "iir", {"decay": 2.0, "rise": 2.0})


def test_coefficients_may_be_left_as_they_are():
    filtered = Filter(build_option("synapse", "iir", {"learned": False}))
    size_cells(filtered, (INPUTS,))
    assert [parameter.requires_grad for parameter in filtered.parameters()] == [False] * 3


def trace(current: list[float], **changes: float) -> list[float]:
    surrogate = build_option("surrogate", "gaussian")
    made = build_option("neuron", "srm", {"time_constant": 1.0, **changes}, surrogate=surrogate)
    x = torch.tensor(current, dtype=torch.float64).view(-1, 1, 1)
    return Over(made)(x).flatten().tolist()


def test_a_spike_holds_the_next_ones_down():
    # R: 0, 1, 0.368 + 1, 0.503, 0.185
    assert trace([1.0, 2.0, 2.3, 1.4, 1.2]) == [1, 1, 0, 0, 1]
    assert trace([1.0, 1.0, 1.0], strength=0.0) == [1, 1, 1]


@pytest.mark.parametrize("detached", [True, False])
def test_the_trace_passes_gradients_unless_it_is_detached(detached):
    made = build_option("neuron", "srm", {"detach_reset": detached}, surrogate=gaussian())
    x = torch.full((2, 1, 1), 1.1, requires_grad=True)
    Over(made)(x)[1].sum().backward()
    assert bool(x.grad[0].any()) != detached and x.grad[1].any()


def test_layers_that_share_nothing():
    filters = nn.ModuleList([layer()[0] for _ in range(2)])
    next(filters[0].parameters()).data.zero_()
    assert next(filters[1].parameters()).all()
