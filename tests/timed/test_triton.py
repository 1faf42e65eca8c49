"""The solver in Triton against the one in torch: under Triton's interpreter, and on a CUDA device
where there is one.
"""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from snnexp.kernels.events.inputs import Layer
from snnexp.timed import spike_times as solving
from snnexp.timed.neuron import TimedNeuron
from snnexp.timed.solvers import blocks as scan
from snnexp.timed.solvers import compiled as events
from snnexp.timed.solvers import cuda as fused
from snnexp.timed.solvers import grid
from snnexp.timed.spike_times import spike_times
from snnexp.timed.synapses import Synapses
from tests.timed.test_spike_times import KERNELS, NEVER, neuron, problem

KINDS = [*KERNELS, "if_delta"]
ON_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
SMALL = {"LIST": 2, "BLOCK": 4, "TILE": 8, "PROGRAMS": 8, "PIXELS": 16, "INPUTS": 2}

Problem = tuple[Tensor, Synapses]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


DEAR = ("convolution 3", "convolution 4", "a single output", "silent neurons")
"""Problems of ten seconds each under the interpreter."""


def problems(kind: str) -> Iterator[tuple[str, Problem]]:
    """Layers of every form, and what may go wrong at the edges; times with ties and without."""
    for layer in ("linear", "convolution"):
        for seed in (3, 4):  # without and with bias; the convolution has a stride and padding
            yield f"{layer} {seed}", problem(kind, seed, layer)
    untied = 3 * torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(1))
    yield (
        "strides beyond the kernel",
        (untied, Synapses(drawn(5, 3, 1, 2) + 0.7, drawn(5), (2, 3), (0, 1))),
    )
    yield "a single output", (untied, Synapses(drawn(1, 3, 5, 4) + 0.2, None))
    yield (
        "a single input",
        (torch.tensor([[0.5], [NEVER]]), Synapses(torch.tensor([[3.0], [0.5], [-1.0]]), None)),
    )
    yield "all at once", (torch.full((2, 9), 0.5), Synapses(drawn(5, 9) + 0.3, None))
    yield "silent inputs", (torch.full((2, 3), NEVER), Synapses(torch.ones(4, 3), None))
    yield (
        "silent inputs and a bias",
        (torch.full((2, 2, 3, 3), NEVER), Synapses(torch.ones(5, 2, 2, 2), drawn(5) + 2)),
    )
    yield (
        "silent neurons",
        (torch.rand(2, 3, 3, 3), Synapses(-torch.ones(4, 3, 2, 2), None, (1, 1), (1, 1))),
    )
    yield "before the bias", (drawn(3, 7), Synapses(drawn(6, 7, seed=1) + 0.5, drawn(6, seed=2)))


def given(
    kind: str, about: Problem, device: str, dtype: torch.dtype
) -> tuple[Tensor, Synapses, TimedNeuron]:
    times, synapses = about
    cell, bias = neuron(kind), synapses.bias
    times = times.masked_fill(times >= cell.horizon, NEVER).to(
        device, torch.float32
    )  # the same numbers in either precision
    return (
        times.to(dtype),
        synapses.replaced(
            *(
                None if each is None else each.float().to(device, dtype)
                for each in (synapses.weight, bias)
            )
        ),
        cell,
    )


def check(kind: str, about: Problem, device: str) -> None:
    """Sums and gradients of both solvers, the gradients for the same given ones of the two sums."""
    single, double = (given(kind, about, device, dtype) for dtype in (torch.float32, torch.float64))
    found, expected, exact = fused.forward(*single), scan.forward(*single), scan.forward(*double)
    assert found[2].equal(expected[2]) and found[2].equal(exact[2].float())
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    start = expected[2]
    p, q = (drawn(start.numel(), seed=seed).view(start.shape).to(device) for seed in (5, 6))
    p, q = (
        torch.where(start > -math.inf, each, 0) for each in (p, q if kind != "if_delta" else 0 * q)
    )
    both = [solver.backward(*single, start, p, q) for solver in (fused, scan)]
    for mine, other in zip(*both, strict=True):
        assert (mine is None and other is None) or mine.is_contiguous()
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4)


def check_times(kind: str, about: Problem, device: str) -> None:
    """The whole operation, for silent neurons too."""
    times, synapses, cell = given(kind, about, device, torch.float32)
    found = []
    for solver in ("events", "scan"):
        leaves = [each.clone().requires_grad_() for each in (times, synapses.weight, synapses.bias)]
        out = spike_times(leaves[0], synapses.replaced(*leaves[1:]), cell, solver, slope_limit=5.0)
        out.masked_fill(out.isinf(), 0).backward(drawn(out.numel()).view(out.shape).to(device))
        found.append([out.detach(), *(leaf.grad for leaf in leaves)])
    torch.testing.assert_close(*found, rtol=2e-4, atol=2e-5)
    assert all(each.any() for each in found[0])


def check_wide(kind: str, device: str) -> None:
    """Sizes of which the blocks as they are have several; of that many neurons a few may be on the
    threshold to the last digit.
    """
    draws = torch.Generator().manual_seed(3)
    times = 2 * torch.rand(4, 70, 9, 9, generator=draws)
    times = times.masked_fill(torch.rand(times.shape, generator=draws) < 0.3, NEVER).to(device)
    synapses = Synapses(
        ((drawn(140, 70, 3, 3) + 0.2) / 20).to(device), (drawn(140) / 20).to(device), (1, 1), (1, 1)
    )
    about = times, synapses, neuron(kind)
    found, expected = fused.forward(*about), scan.forward(*about)
    same = found[2] == expected[2]
    assert same.float().mean() > 0.999 and 0.1 < (expected[2] > -math.inf).float().mean()
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine[same], other[same], rtol=1e-4, atol=1e-4)
    p, q = (drawn(same.numel(), seed=seed).view(same.shape).to(device) for seed in (5, 6))
    both = [
        solver.backward(*about, expected[2], p, q if kind != "if_delta" else 0 * q)
        for solver in (fused, scan)
    ]
    for mine, other in zip(*both, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-3 * other.abs().max().item())


def skipped(kind: str) -> tuple[str, ...]:
    """What the interpreter is too slow for every day: of the first kind what is dear, of the others
    all but one layer of each form.
    """
    names = [name for name, _ in problems(kind)]
    kept = ("linear 3", "strides beyond the kernel")
    return DEAR if kind == KINDS[0] else tuple(name for name in names if name not in kept)


def run(device: str, everything: bool = True) -> None:
    """All checks, in a process of their own; small blocks, so that small layers have several."""
    kernels = fused.kernels()
    usual = {name: getattr(kernels, name) for name in SMALL}
    if device == "cpu":  # where nothing would choose it
        solving.choose_solver = lambda solver, times, cell: {"events": fused, "scan": scan}[solver]
    for kind in KINDS:
        as_they_are = (
            [(usual, 2**25)] if device == "cuda" or (everything and kind == KINDS[0]) else []
        )  # the interpreter is slow
        for sizes, largest in [(SMALL, 200), *as_they_are]:
            fused.LARGEST = largest
            for name, size in sizes.items():
                setattr(kernels, name, size)
            for name, about in (
                each for each in problems(kind) if everything or each[0] not in skipped(kind)
            ):
                print(kind, sizes["BLOCK"], name, flush=True)
                check(kind, about, device)
        check_times(kind, problem(kind, 4, "convolution" if everything else "linear"), device)
        if device == "cuda":
            check_wide(kind, device)
    print("equal")


RUNS = [
    pytest.param("cpu", False, id="interpreter"),
    pytest.param("cpu", True, id="interpreter, everything", marks=pytest.mark.soak),
    pytest.param("cuda", True, id="cuda", marks=ON_CUDA),
]


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize("device, everything", RUNS)
def test_equals_the_solver_in_torch(device, everything):
    pytest.importorskip("triton")
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "TRITON_INTERPRET": str(int(device == "cpu")),
    }
    command = [
        sys.executable,
        "-c",
        f"from tests.timed.test_triton import run; run('{device}', {everything})",
    ]
    done = subprocess.run(
        command,
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.stdout.endswith("equal\n"), done.stdout + done.stderr


@pytest.mark.parametrize(
    "about",
    [about for _, about in problems("if_exp")],
    ids=[name for name, _ in problems("if_exp")],
)
def test_rows_see_the_pixels_of_their_patches(about):
    """And the other way round: who sees a pixel at a tap is who finds it there."""
    times, synapses = given("if_exp", about, "cpu", torch.float32)[:2]
    seen, inputs = fused.seen_pixels(times, synapses), times.shape[1]
    pixels = torch.cat([fused.by_pixel(times), torch.full((1, inputs), NEVER)])
    assert (
        pixels[seen]
        .transpose(1, 2)
        .flatten(1)
        .equal(Synapses.rows(synapses.replaced(synapses.weight, None), times))
    )
    weights = fused.by_tap(synapses.weight).transpose(0, 1).flatten(0, 1)
    assert weights.equal(synapses.replaced(synapses.weight, None).columns())
    reached = fused.seeing_rows(Layer(pixels[:-1], None, seen, "if_exp"))
    for pixel, tap in (reached >= 0).nonzero().tolist():
        assert seen[reached[pixel, tap], tap] == pixel
    assert (reached >= 0).sum() == (seen >= 0).sum()


def test_choice_of_solver(monkeypatch):
    times = torch.rand(3, 8)
    cell = neuron("if_exp")
    assert not fused.available(times, cell)
    monkeypatch.setattr(events, "available", lambda *_: False)
    assert solving.choose_solver("auto", times, cell) is scan
    with pytest.raises(ValueError, match="solver=auto"):
        solving.choose_solver("events", times, cell)
    monkeypatch.setattr(fused, "available", lambda *_: True)
    assert (
        solving.choose_solver("auto", times, cell) is fused
        and solving.choose_solver("events", times, cell) is fused
    )
    assert (
        solving.choose_solver("scan", times, cell) is scan
        and solving.choose_solver("auto", times.round(), cell) is grid
    )


@ON_CUDA
def test_is_chosen_on_a_device():
    pytest.importorskip("triton")
    times = torch.rand(3, 8, device="cuda")
    assert solving.choose_solver("auto", times, neuron("alpha")) is fused
    assert solving.choose_solver("auto", times.double(), neuron("alpha")) is scan
