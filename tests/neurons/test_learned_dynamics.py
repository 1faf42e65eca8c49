"""Neurons whose dynamics are more than a leak, against their recurrences written out one neuron at
a time, and their gradients by automatic differentiation of that.
"""

import pytest
import torch
from torch import Tensor

from snnexp.cell import Over
from tests.support.options import build_option

STEPS, BATCH, CHANNELS, SIDE = 12, 2, 3, 2
EXACT = {"rtol": 1e-12, "atol": 1e-12}


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def currents(steps: int) -> Tensor:
    shape = (steps, BATCH, CHANNELS, SIDE, SIDE)
    return 2 * torch.rand(shape, generator=generator(), dtype=torch.float64) - 0.25


def fire(distance: Tensor) -> Tensor:
    """The step function with the slope of a triangle, as the option has it."""
    slope = 0.3 * (1 - distance.detach().abs()).clamp(min=0)
    return (distance.detach() >= 0).to(distance.dtype) + slope * (distance - distance.detach())


def build(name: str, **changes) -> torch.nn.Module:
    surrogate = build_option("surrogate", "triangle", {"scale": 0.3, "width": 1.0})
    return build_option("neuron", name, changes, surrogate=surrogate)


def compare(cell: torch.nn.Module, written: list[Tensor], x: Tensor, copy: Tensor, pairs) -> None:
    """Spikes and gradients of an uneven sum of them."""
    y, expected = Over(cell)(x), torch.stack(written)
    assert y.any() and not y.all()
    torch.testing.assert_close(y.detach(), expected.detach(), **EXACT)
    weights = torch.randn(y.shape, generator=generator(), dtype=torch.float64)
    ours, theirs = zip(*pairs, strict=True) if pairs else ((), ())
    found = torch.autograd.grad((y * weights).sum(), [x, *ours])
    wanted = torch.autograd.grad((expected * weights).sum(), [copy, *theirs])
    torch.testing.assert_close(found, wanted, **EXACT)


@pytest.mark.parametrize("steps", range(1, STEPS + 1))
def test_clif_is_its_recurrence_written_out(steps):
    x, copy = (currents(steps).requires_grad_() for _ in range(2))
    u = m = torch.zeros_like(copy[0])
    written = []
    for t in range(steps):
        u = 0.75 * u + copy[t]
        s = fire(u - 1.0)
        m = m * torch.sigmoid(0.25 * u) + s
        u = u - s * (1.0 + torch.sigmoid(m))
        written.append(s)
    compare(build("clif", leak=0.75), written, x, copy, [])


@pytest.mark.parametrize("steps", range(1, STEPS + 1))
def test_glif_is_its_recurrence_written_out(steps):
    x, copy = (currents(steps).requires_grad_() for _ in range(2))
    cell = build("glif", timesteps=STEPS)
    cell.sized((CHANNELS, SIDE, SIDE))
    cell.double()
    for parameter in cell.parameters():
        parameter.data += torch.rand(parameter.shape, generator=generator()).double() - 0.5
    learned = {
        name: each.detach().clone().requires_grad_() for name, each in cell.named_parameters()
    }
    value = {name: torch.sigmoid(each) for name, each in learned.items()}
    rows = []
    for c in range(CHANNELS):
        al, be, ga = (value[f"{name}_gate"][c] for name in ("leak", "input", "reset"))
        tau, drop, soft, threshold = (
            value[name][c] for name in ("leak", "linear_leak", "subtraction", "threshold")
        )
        u = o = torch.zeros_like(copy[0, :, c])
        row = []
        for t in range(steps):
            drive = copy[t, :, c] * (1 - be * (1 - value["conductance"][t, c]))
            u = (1 - al * (1 - tau)) * u * (1 - ga * o) - (1 - al) * drop + drive
            u = u - (1 - ga) * soft * o
            o = fire(u - threshold)
            row.append(o)
        rows.append(torch.stack(row))
    written = list(torch.stack(rows, 2))
    later = ("reset_gate", "subtraction", "leak")  # begin to matter behind the first timestep
    used = [name for name in learned if steps > 1 or name not in later]
    compare(cell, written, x, copy, [(dict(cell.named_parameters())[n], learned[n]) for n in used])


def test_glif_starts_where_its_settings_say():
    cell = build("glif")
    cell.sized((CHANNELS,))
    assert {each.shape for name, each in cell.named_parameters() if name != "conductance"} == {
        (CHANNELS,)
    }
    assert cell.conductance.shape == (8, CHANNELS)
    assert cell.threshold.sigmoid().tolist() == pytest.approx([0.5] * CHANNELS)
    assert cell.leak.sigmoid().tolist() == pytest.approx([0.25] * CHANNELS)


def test_glif_has_no_conductance_beyond_its_timesteps():
    with pytest.raises(ValueError, match="8 timesteps and was asked for timestep 9"):
        Over(build("glif").double())(currents(9))


@pytest.mark.parametrize("detach_reset", [True, False])
@pytest.mark.parametrize("steps", range(1, STEPS + 1))
def test_mpbn_is_its_recurrence_written_out(steps, detach_reset):
    x, copy = (currents(steps).requires_grad_() for _ in range(2))
    cell = mpbn(detach_reset)
    batch = cell.norm.normalise[0]
    learned = [batch.weight, batch.bias]
    mine = [each.detach().clone().requires_grad_() for each in learned]
    v, written = torch.zeros_like(copy[0]), []
    for t in range(steps):
        u = 0.25 * v + copy[t]
        mean = u.mean((0, 2, 3), keepdim=True)
        variance = (u - mean).square().mean((0, 2, 3), keepdim=True)
        gamma, beta = (each.view(1, -1, 1, 1) for each in mine)
        s = fire(gamma * (u - mean) / (variance + 1e-5).sqrt() + beta - 0.5)
        v = u * (1 - (s.detach() if detach_reset else s))
        written.append(s)
    compare(cell, written, x, copy, list(zip(learned, mine, strict=True)))


def mpbn(detach_reset: bool = True) -> torch.nn.Module:
    cell = build(
        "mpbn",
        threshold=0.5,
        detach_reset=detach_reset,
    )
    cell.sized((CHANNELS, SIDE, SIDE))
    cell.double()
    for parameter in cell.parameters():
        parameter.data += torch.rand(parameter.shape, generator=generator()).double()
    return cell


def test_mpbn_in_evaluation_is_a_threshold_per_channel():
    cell, x = mpbn(), currents(STEPS)
    Over(cell)(x)
    cell.eval()
    scale, shift = cell.norm.affine()
    assert (scale > 0).all()
    threshold = ((0.5 - shift) / scale).view(-1, 1, 1)
    v, written = torch.zeros_like(x[0]), []
    for current in x:
        u = 0.25 * v + current
        s = (u >= threshold).double()
        v = u * (1 - s)
        written.append(s)
    assert torch.equal(Over(cell)(x), torch.stack(written))
