"""Every synapse: a causal linear filter of the current over time."""

import math

import pytest
import torch

from snnexp.cell import Over, streaming
from tests.support.options import build_option, options

# filters in front of the weights are tested with their neurons, in tests/neurons/test_srm.py
FIXED = ["alpha", "dual_exponential", "exponential", "instantaneous"]
# that of spike response neurons has a peak of 1 in place of a sum: tests/neurons/test_slayer.py


def impulse_response(synapse: torch.nn.Module, timesteps: int) -> torch.Tensor:
    x = torch.zeros(timesteps, 1, 1, dtype=torch.float64)
    x[0] = 1
    return Over(synapse)(x)[:, 0, 0]


def drive(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(7, 2, 3, generator=torch.Generator().manual_seed(1)).to(dtype)


def closed_form(name: str, t: int) -> float:
    """Impulse responses at time constant 4; the dual exponential at rise 1.5, decay 4."""
    if name == "exponential":
        return 0.25 * 0.75**t
    if name == "alpha":
        return (t + 1) / 16 * 0.75**t
    if name == "dual_exponential":
        d, r = math.exp(-1 / 4), math.exp(-1 / 1.5)
        return (1 - d) * (1 - r) * (d ** (t + 1) - r ** (t + 1)) / (d - r)
    return float(t == 0)


def at_test_constants(name: str) -> torch.nn.Module:
    changes = {
        "exponential": {"time_constant": 4.0},
        "alpha": {"time_constant": 4.0},
        "dual_exponential": {"rise": 1.5, "decay": 4.0},
    }
    return build_option("synapse", name, changes.get(name, {}))


@pytest.mark.parametrize("name", FIXED)
def test_impulse_response(name):
    found = impulse_response(at_test_constants(name), 12)
    assert found.tolist() == pytest.approx([closed_form(name, t) for t in range(12)], rel=1e-12)


@pytest.mark.parametrize("name", FIXED)
def test_impulse_response_sums_to_one(name):
    assert impulse_response(build_option("synapse", name), 200).sum().item() == pytest.approx(
        1, abs=1e-12
    )


@pytest.mark.parametrize("name", ["exponential", "alpha"])
def test_time_constant_one_is_instantaneous(name):
    assert impulse_response(build_option("synapse", name, {"time_constant": 1.0}), 4).tolist() == [
        1,
        0,
        0,
        0,
    ]


def test_dual_exponential_is_the_published_filter_up_to_a_factor():
    d, r = math.exp(-1 / 4), math.exp(-1)
    published = [d - r, (d + r) * (d - r)]
    for _ in range(10):
        published.append((d + r) * published[-1] - d * r * published[-2])
    factor = (d - r) / ((1 - d) * (1 - r))
    assert factor == pytest.approx(2.94, abs=0.005)
    found = factor * impulse_response(build_option("synapse", "dual_exponential"), 12)
    assert found.tolist() == pytest.approx(published, rel=1e-10)


def test_dual_exponential_with_exchanged_and_equal_time_constants():
    one, other, equal = (
        impulse_response(
            build_option("synapse", "dual_exponential", {"rise": rise, "decay": decay}), 12
        )
        for rise, decay in [(1.0, 4.0), (4.0, 1.0), (4.0, 4.0)]
    )
    torch.testing.assert_close(one, other)
    d = math.exp(-1 / 4)
    assert equal.tolist() == pytest.approx(
        [(t + 1) * (1 - d) ** 2 * d**t for t in range(12)], rel=1e-10
    )


def test_instantaneous_is_left_out():
    assert len(Over(build_option("synapse", "instantaneous")).cells) == 0


@pytest.mark.parametrize("name", options("synapse"))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_shape_and_dtype(name, dtype):
    y = Over(build_option("synapse", name))(drive(dtype))
    assert y.shape == (7, 2, 3) and y.dtype == dtype and y.isfinite().all()


@pytest.mark.parametrize("name", FIXED)
def test_half_precision_input_is_filtered_in_float32(name):
    synapse, x = build_option("synapse", name), drive(torch.bfloat16)
    y, states = synapse.step(x[0], synapse.initial(x[0]))
    assert all(state.dtype == torch.float32 for state in states)
    assert torch.equal(Over(synapse)(x), Over(synapse)(x.float()).bfloat16())


@pytest.mark.parametrize("name", options("synapse"))
def test_linear_and_silent_without_input(name):
    loop, x = Over(build_option("synapse", name)), drive(torch.float64)
    torch.testing.assert_close(loop(2 * x - x.flip(1)), 2 * loop(x) - loop(x).flip(1))
    assert loop(torch.zeros_like(x)).count_nonzero() == 0


@pytest.mark.parametrize("name", options("synapse"))
def test_chunks_give_what_the_whole_gives(name):
    loop, x = Over(build_option("synapse", name)), drive()
    with streaming(loop):
        chunks = torch.cat([loop(x[:1]), loop(x[1:4]), loop(x[4:])])
    assert torch.equal(chunks, loop(x))


@pytest.mark.parametrize("name", FIXED)
def test_gradient_of_the_last_step_is_the_reversed_impulse_response(name):
    x = drive(torch.float64).requires_grad_()
    Over(at_test_constants(name))(x)[-1].sum().backward()
    expected = [closed_form(name, 6 - t) for t in range(7)]
    assert x.grad[:, 1, 2].tolist() == pytest.approx(expected, rel=1e-12)
