"""Every activation against the contract, and the quantised one against the neuron it stands for."""

import pytest
import torch
from torch import Tensor, nn

from snnexp.activations import qcfs
from snnexp.activations.positive import SMALLEST
from snnexp.cell import Over
from snnexp.kernels import staircase
from snnexp.kernels.scan import c as compiled
from snnexp.layers.analog import AnalogUnit
from tests.support.networks import seeded
from tests.support.options import build_option, options, settings

LEARNED = [name for name in options("activation") if "clip" in settings("activation", name)]
DOUBLE = torch.float64


def activation(name: str, **changes: float) -> nn.Module:
    return build_option("activation", name, changes).double()


@torch.no_grad()
def values(name: str, z: Tensor, **changes: float) -> Tensor:
    return activation(name, **changes)(z)


def grid(count: int = 2001, low: float = -12.0, high: float = 20.0) -> Tensor:
    """Random numbers: none of them is a tie."""
    return torch.rand(count, generator=seeded(), dtype=DOUBLE) * (high - low) + low


def spike_counts(z: Tensor, threshold: float, timesteps: int, start: float = 0.5) -> Tensor:
    """How often an integrate-and-fire neuron with reset by subtraction fires in `timesteps` of the
    constant input `z`.
    """
    changes = {"threshold": threshold, "initial_potential": start, "amplitude": "threshold"}
    neuron = build_option(
        "neuron", "if", changes, surrogate=build_option("surrogate", "arctan")
    ).double()
    return (Over(neuron)(z.expand(timesteps, 1, -1)) > 0).sum(0)[0].double()


# What every activation is


@pytest.mark.parametrize("name", options("activation"))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, DOUBLE])
def test_shape_and_dtype(name, dtype):
    z = grid(60).view(1, 3, 4, 5).to(dtype)
    y = build_option("activation", name)(z)
    assert y.shape == z.shape and y.dtype == dtype and y.isfinite().all() and y.count_nonzero() > 0


@pytest.mark.parametrize(
    "name", sorted(set(options("activation")) - {"sigmoid", "silu"})
)  # what rates can stand for
def test_it_rises_from_zero_and_never_falls(name):
    z = grid().sort().values
    y = activation(name)(z.view(1, 1, -1)).flatten()
    assert (y[z < 0] == 0).all() and (y.diff() >= 0).all() and y[0] == 0 and y[-1] >= 4


@pytest.mark.parametrize("name", options("activation"))
def test_a_unit_with_it_has_the_weights_of_any_unit(name):
    unit = AnalogUnit(nn.Linear(3, 2), build_option("activation", name))
    own = {key for key in unit.state_dict() if not key.startswith("connection.")}
    assert own == ({"activation.w"} if name in LEARNED else set())


# What is learned


@pytest.mark.parametrize("name", LEARNED)
def test_the_clip_is_where_it_stops_rising(name):
    made = activation(name, clip=3.0)
    assert (
        made.clip == 3.0
        and made(torch.tensor([100.0], dtype=DOUBLE)) == 3.0
        and isinstance(made.w, nn.Parameter)
    )


@pytest.mark.parametrize("name", LEARNED)
def test_a_clip_that_training_drives_below_zero_stays_positive_and_recovers(name):
    made = activation(name)
    with torch.no_grad():
        made.w.fill_(-5.0)
    y = made(grid())
    assert (
        made.clip.item() == pytest.approx(SMALLEST)
        and y.min() == 0
        and y.max().item() == pytest.approx(SMALLEST)
    )
    y.sum().backward()
    assert made.w.grad > 100  # a larger bound lets more through


@pytest.mark.parametrize("name", LEARNED)
def test_weight_decay_reaches_the_clip(name):
    made = activation(name, clip=8.0)
    optimizer = torch.optim.SGD(made.parameters(), lr=0.1, weight_decay=0.5)
    made(torch.full((1,), -1.0, dtype=DOUBLE)).sum().backward()  # no gradient of its own
    optimizer.step()
    assert made.clip.item() == pytest.approx(8.0 * (1 - 0.1 * 0.5)) and not hasattr(
        made, "undecayed"
    )


def test_clip_by_hand():
    made = activation("clip", clip=4.0)
    z = torch.tensor([-1.0, 0.0, 1.5, 3.5, 9.0], dtype=DOUBLE, requires_grad=True)
    made(z).sum().backward()
    assert made(z).tolist() == [0, 0, 1.5, 3.5, 4]
    assert z.grad[[0, 2, 4]].tolist() == [0, 1, 0] and made.w.grad == 1  # only 9.0 meets the bound


def test_a_shifted_clip_asks_for_what_a_neuron_from_zero_gives():
    made, steps = activation("clip", clip=4.0, shift=1 / 16), 8
    z = torch.tensor([0.1, 0.25, 1.25, 4.25, 9.0], dtype=DOUBLE)
    assert made(z).tolist() == pytest.approx([0, 0, 1, 4, 4])
    z = grid(low=0.5, high=3.5)
    sent = 4 / steps * spike_counts(z, 4.0, steps, start=0.0)
    asked, unshifted = (values("clip", z, clip=4.0, shift=shift) for shift in (1 / 16, 0.0))
    assert (asked - sent).mean().abs() < 0.02 and (
        unshifted - sent
    ).mean() > 0.2  # half a spike is 1 / 4


# The quantised activation

TABLE = [
    (-3.0, 0),
    (0.0, 0),
    (0.9, 0),
    (1.0, 2),
    (2.9, 2),
    (3.0, 4),
    (4.9, 4),
    (5.0, 6),
    (7.0, 8),
    (8.0, 8),
    (50.0, 8),
]


needs_a_compiler = pytest.mark.skipif(
    compiled.library() is None, reason="the kernel could not be compiled here"
)


@needs_a_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", ["contiguous", "channels last", "a part"])
@pytest.mark.parametrize(("levels", "shift"), [(4, 0.5), (3, 0.0), (1, 0.25)])
def test_the_kernel_gives_what_torch_gives(dtype, layout, levels, shift, monkeypatch):
    z = torch.cat(
        [
            grid(2 * 3 * 50 * 41 - 6),
            torch.tensor([0.0, 3.0, 1.5, torch.nan, torch.inf, -torch.inf], dtype=DOUBLE),
        ]
    )
    z = z.view(2, 3, 50, 41).to(dtype)
    z = {
        "contiguous": z,
        "channels last": z.contiguous(memory_format=torch.channels_last),
        "a part": z[:, :, 3:],
    }[layout]
    upstream = torch.randn(z.shape, generator=seeded()).to(dtype)

    def both(compute):
        made, x = (
            build_option("activation", "qcfs", {"levels": levels, "clip": 3.0, "shift": shift}),
            z.clone().requires_grad_(),
        )
        monkeypatch.setattr(qcfs, "available", compute)
        y = made(x)
        y.backward(upstream)
        return y.detach(), x.grad, made.w.grad

    ours, theirs = both(staircase.available), both(lambda z, clip: False)
    assert torch.equal(ours[0].nan_to_num(9), theirs[0].nan_to_num(9))
    assert torch.allclose(
        ours[1], theirs[1], rtol=1e-6 if dtype == torch.float32 else 1e-2, atol=0, equal_nan=True
    )
    assert staircase.available(z, torch.tensor(1.0)) == (layout != "a part")


@needs_a_compiler
def test_the_bound_gets_the_gradient_of_the_whole_batch_whoever_computes_it():
    found = []
    for threads in (1, 2):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        made = build_option("activation", "qcfs", {"clip": 3.0})
        made(grid(200_000).float()).sum().backward()
        torch.set_num_threads(before)
        found.append(made.w.grad)
    exact = activation("qcfs", clip=3.0)
    exact(grid(200_000).float().double()).sum().backward()
    assert torch.equal(*found) and found[0].item() == pytest.approx(exact.w.grad.item(), rel=1e-6)


@pytest.mark.parametrize(("z", "y"), TABLE)
def test_qcfs_by_hand(z, y):
    assert activation("qcfs", levels=4, clip=8.0)(torch.tensor([z], dtype=DOUBLE)).item() == y


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5])
def test_gradients_of_qcfs_are_those_of_the_paper(shift):
    made = activation("qcfs", levels=4, clip=3.0, shift=shift)
    z = grid(low=-2, high=5).requires_grad_()
    y = made(z)
    inside = ((z > 0) & (z < 3.0)).double()
    sent = torch.rand(len(z), generator=seeded(1), dtype=DOUBLE)
    y.backward(sent)
    torch.testing.assert_close(z.grad, sent * inside)
    assert made.w.grad.item() == pytest.approx((sent * (y - z * inside)).sum().item() / 3.0)


@pytest.mark.slow
@pytest.mark.parametrize("clip", [1.0, 0.7, 3.3, 8.0])
@pytest.mark.parametrize("levels", range(1, 17))
def test_a_neuron_from_half_its_threshold_is_qcfs(levels, clip):
    made, z = activation("qcfs", levels=levels, clip=clip), clip * grid(low=-0.5, high=1.5)
    theta, found = made.clip.item(), made(z).detach()
    assert (
        torch.equal(theta * spike_counts(z, theta, levels) / levels, found)
        and len(found.unique()) == levels + 1
    )


@pytest.mark.slow
@pytest.mark.parametrize("levels", range(1, 17))
def test_ties_round_alike(levels):
    clip, places = (
        levels / 8,
        torch.arange(-2, 2 * levels + 3, dtype=DOUBLE),
    )  # every sum and quotient is exact
    z = (places + 0.5) / 8
    for shifted in (z - 2.0**-40, z, z + 2.0**-40):
        assert torch.equal(
            spike_counts(shifted, clip, levels) / 8,
            values("qcfs", shifted, levels=levels, clip=clip),
        )
    assert torch.equal(
        values("qcfs", z, levels=levels, clip=clip), ((places + 1) / 8).clamp(0, clip)
    )


@pytest.mark.slow
def test_half_a_step_and_half_a_threshold_belong_together():
    """For T other than the levels the error is zero on average; without either half it is half a
    step.
    """
    z = grid(low=0.5, high=7.5)
    asked = values("qcfs", z)
    for timesteps in (2, 3, 8, 16):
        sent, late = (
            8.0 / timesteps * spike_counts(z, 8.0, timesteps, start) for start in (0.5, 0.0)
        )
        assert (asked - sent).mean().abs() < 0.12
        assert (asked - late).mean().item() == pytest.approx(4.0 / timesteps, abs=0.12)
    assert (values("qcfs", z, shift=0.0) - spike_counts(z, 8.0, 8)).mean() < -0.8


def test_half_precision_is_floored_in_float32():
    made = build_option("activation", "qcfs", {"levels": 16, "clip": 3.3})
    z = (torch.rand(2000, generator=seeded()) * 4).bfloat16()
    rounded = (3.3 * ((z * 16 / 3.3).clamp(0, 16) + 0.5).floor() / 16).bfloat16()
    found = made(z)
    assert found.dtype == torch.bfloat16 and torch.equal(found, made(z.float()).bfloat16())
    assert not torch.equal(found, rounded)


def test_under_autocast_the_staircase_keeps_its_steps():
    made = build_option("activation", "qcfs", {"levels": 8, "clip": 1.0})
    unit = AnalogUnit(nn.Linear(6, 50), made)
    with torch.autocast("cpu", torch.bfloat16):
        y = unit(4 * torch.rand(1, 30, 6, generator=seeded()))
    assert y.dtype == torch.bfloat16 and set((y.float() * 8).unique().tolist()) == set(range(9))
