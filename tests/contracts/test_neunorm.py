"""Neuron normalisation (Wu 2019, survey [51]) against its equations."""

import pytest
import torch
from torch import Tensor

from snnexp.network.sizing import size_cells
from snnexp.norms.neunorm import NeuNorm
from tests.support.options import build_option

CHANNELS, HEIGHT, WIDTH = 3, 2, 4


def norm(shared: bool = True, decay: float = 0.9, dimensions: int = 2) -> NeuNorm:
    made = build_option(
        "norm",
        "neunorm",
        {"shared": shared, "decay": decay},
        features=CHANNELS,
        dimensions=dimensions,
        branches=1,
    )
    size_cells(made, (CHANNELS, HEIGHT, WIDTH) if dimensions == 2 else (CHANNELS,))
    return made.double()


def spikes(steps: int) -> Tensor:
    draws = torch.Generator().manual_seed(steps)
    shape = steps, 2, CHANNELS, HEIGHT, WIDTH
    return torch.randint(0, 2, shape, generator=draws).double()


def literal(s: Tensor, weight: Tensor, decay: float) -> Tensor:
    """x_t = k x_(t-1) + v/F sum_f s_f with k + v F = 1, and s - U x, image by image."""
    v = (1 - decay) / CHANNELS
    x, sent = torch.zeros(2, HEIGHT, WIDTH, dtype=torch.float64), torch.empty_like(s)
    for t in range(len(s)):
        for image in range(2):
            total = sum(s[t, image, f] for f in range(CHANNELS))
            x[image] = decay * x[image] + v / CHANNELS * total
            for f in range(CHANNELS):
                sent[t, image, f] = s[t, image, f] - weight[f % len(weight)] * x[image]
    return sent


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("steps", [1, 2, 5, 12])
def test_is_what_was_published(steps, shared):
    made, s = norm(shared), spikes(steps)
    (weight,) = made.parameters()
    torch.testing.assert_close(made(s), literal(s, weight, 0.9), rtol=0, atol=1e-12)


def test_three_steps_by_hand():
    made, s = norm(decay=0.5), torch.zeros(3, 1, CHANNELS, HEIGHT, WIDTH, dtype=torch.float64)
    (weight,) = made.parameters()
    weight.data.fill_(2.0)
    s[0, 0, 0, 0, 0] = s[0, 0, 2, 0, 0] = s[1, 0, 1, 0, 0] = 1
    # x: (2 of 3) / 18, then 1/18 + 1/18, then half of that
    expected = [[1 - 2 / 9, -2 / 9, 1 - 2 / 9], [-2 / 9, 1 - 2 / 9, -2 / 9], [-1 / 9] * 3]
    assert made(s)[:, 0, :, 0, 0].flatten().tolist() == pytest.approx(sum(expected, []))
    assert not made(s)[:, 0, :, 1, 1].any()  # a place has an auxiliary neuron of its own


def test_the_start_is_that_of_a_map():
    weight = torch.cat([next(norm(shared=False).parameters()).flatten() for _ in range(50)])
    assert weight.abs().max() <= (HEIGHT * WIDTH) ** -0.5 < 1.02 * weight.abs().max()
    assert weight.mean().abs() < 0.05


def test_linear_layers_send_their_spikes_as_they_are():
    made = norm(dimensions=1)
    x = torch.ones(3, 2, CHANNELS)
    assert made(x) is x and not list(made.parameters())
