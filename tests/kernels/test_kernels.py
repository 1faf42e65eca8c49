"""Fused scans against the loop over the cell, which is the definition: spikes to the last bit,
gradients to rounding.
"""

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from snnexp.cell import Cell, Over, streaming
from snnexp.kernels.events import c as events
from snnexp.kernels.library import FOLDER
from snnexp.kernels.scan import c as compiled
from snnexp.kernels.scan import dispatch as dispatch
from snnexp.kernels.scan import torch as fallback
from snnexp.kernels.scan.dispatch import counted, run, scan
from snnexp.kernels.scan.parameters import ScanParameters
from tests.support.options import build_option, options, settings

NEEDS_COMPILER = pytest.mark.skipif(
    compiled.library() is None, reason="the C kernel was not compiled"
)
KERNELS = [
    pytest.param(compiled, id="compiled", marks=NEEDS_COMPILER),
    pytest.param(fallback, id="fallback"),
]
NEURONS: dict[str, tuple[str, dict[str, Any]]] = {
    "if": ("if", {}),
    "lif-one": ("lif", {"leak": 0.7, "input_gain": "one"}),
    "lif-complement": ("lif", {"leak": 0.4, "input_gain": "complement"}),
    "lif-straight-through": (
        "lif",
        {"leak": 0.9, "input_gain": "one", "leak_gradient": "straight_through"},
    ),
    "plif": ("plif", {"time_constant": 1.7}),
}
PARAMETERS = ScanParameters(0.6, 0.9, 1.1, "hard", False, "exact", "unit", "arctan", 0.9, 0.7)
EXACT = {"rtol": 0.0, "atol": 0.0}
ROUNDING = {"rtol": 2e-5, "atol": 2e-6}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def current(*shape: int) -> Tensor:
    return drawn(*shape) * 0.8 + 0.5


def cell_loop(cell: Cell, x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    outputs = []
    for x_t in x.unbind(0):
        y_t, v = cell.step(x_t, v)
        outputs.append(y_t)
    return torch.stack(outputs), v


def equations(x: Tensor, v: Tensor, p: ScanParameters) -> tuple[Tensor, Tensor]:
    """The docstring of ScanParameters, step by step; the spike's derivative enters as that of a
    linear function equal to zero.
    """
    outputs = []
    for x_t in x.unbind(0):
        u = p.leak * v + p.gain * x_t
        over = u - p.threshold
        slope = (p.scale * fallback.SHAPES[p.surrogate](over / p.width)).detach()
        s = (over >= 0).to(u.dtype) + slope * (over - over.detach())
        reset = s.detach() if p.detach_reset else s
        v = u * (1 - reset) if p.reset == "hard" else u - p.threshold * reset
        outputs.append(s if p.amplitude == "unit" else p.threshold * s)
    return torch.stack(outputs), v


def gradients(y: Tensor, v_last: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    y_grad, v_grad = (
        drawn(*y.shape, seed=1).to(y.dtype),
        drawn(*v_last.shape, seed=2).to(v_last.dtype),
    )
    return torch.autograd.grad((y, v_last), inputs, (y_grad, v_grad))


def assert_equal(
    got: tuple[Tensor, Tensor],
    expected: tuple[Tensor, Tensor],
    inputs: list[Tensor],
    tolerance: dict[str, float],
) -> None:
    torch.testing.assert_close(got, expected, **EXACT)
    torch.testing.assert_close(gradients(*got, inputs), gradients(*expected, inputs), **tolerance)


def leaves(steps: int, size: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    return current(steps, 2, size).to(dtype).requires_grad_(), (0.5 * drawn(2, size, seed=3)).to(
        dtype
    ).requires_grad_()


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("surrogate", options("surrogate"))
@pytest.mark.parametrize("neuron", NEURONS)
def test_equals_the_cell(kernel, neuron, surrogate):
    name, changes = NEURONS[neuron]
    for reset, detach, amplitude in itertools.product(
        ("hard", "soft"), (False, True), ("unit", "threshold")
    ):
        changes = {
            **changes,
            "threshold": 0.7,
            "reset": reset,
            "detach_reset": detach,
            "amplitude": amplitude,
        }
        given = settings("surrogate", surrogate)
        slope = {key: value for key, value in (("scale", 0.9), ("width", 0.7)) if key in given}
        cell = build_option(
            "neuron", name, changes, surrogate=build_option("surrogate", surrogate, slope)
        )
        x, v = leaves(6, 33)
        expected, got = cell_loop(cell, x, v), run(kernel, x, v, cell.scan_parameters())
        assert 0.05 < (expected[0] > 0).float().mean() < 0.95
        assert_equal(got, expected, [x, v, *cell.parameters()], ROUNDING)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("amplitude", ["unit", "threshold"])
@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_learned_parameters(kernel, reset, detach, amplitude):
    learned = [torch.tensor(value, requires_grad=True) for value in (0.6, 0.9, 1.1)]
    p = replace(PARAMETERS, reset=reset, detach_reset=detach, amplitude=amplitude)
    p = replace(p, leak=learned[0], gain=learned[1], threshold=learned[2])
    x, v = leaves(5, 700)
    assert_equal(
        run(kernel, x, v, p), equations(x, v, p), [x, v, *learned], {"rtol": 2e-5, "atol": 2e-4}
    )


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_counts_the_spikes_of_each_neuron_on_the_way(kernel, dtype, memory_format):
    x = current(7 * 2, 3, 4, 5).to(dtype, memory_format=memory_format).unflatten(0, (7, 2))
    for p in (
        PARAMETERS,
        replace(PARAMETERS, reset="soft", amplitude="threshold"),
        replace(PARAMETERS, threshold=torch.tensor(0.8)),
    ):
        v = torch.zeros(()).expand(2, 3, 4, 5)
        y, v_last, counts = counted(x, v, p, kernel)
        torch.testing.assert_close((y, v_last), run(kernel, x, v, p), **EXACT)
        assert counts.equal((y != 0).float().sum(0)) and 0 < counts.mean() < 7


def test_a_loop_that_counts_gives_what_its_last_call_fired():
    over = Over(build_option("neuron", "lif", {}, surrogate=build_option("surrogate", "arctan")))
    x = current(6, 2, 9)
    with streaming(over):
        over(x)
        assert over.counts is None
        over.counting = True
        spikes = over(x)
        assert over.counts.equal((spikes != 0).float().sum(0))
    over(x.requires_grad_())
    assert over.counts is None


@pytest.mark.parametrize("surrogate", sorted(fallback.SHAPES))
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_double_precision(reset, surrogate):
    learned = [
        torch.tensor(value, requires_grad=True, dtype=torch.float64) for value in (0.6, 0.9, 1.1)
    ]
    p = ScanParameters(*learned, reset, False, "exact", "threshold", surrogate, 0.9, 0.7)
    x, v = leaves(5, 7, torch.float64)
    got = scan(x, v, p)
    assert got[0].dtype == got[1].dtype == torch.float64
    assert_equal(got, equations(x, v, p), [x, v, *learned], {"rtol": 1e-12, "atol": 1e-12})


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("steps", "size"), [(1, 1), (2, 2500), (500, 150)]
)  # within one block, and over several
@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_and_threads(kernel, steps, size, threads):
    leak = torch.tensor(0.6, requires_grad=True)
    p, before = replace(PARAMETERS, leak=leak), torch.get_num_threads()
    x, v = leaves(steps, size)
    expected = equations(x, v, p)
    try:
        torch.set_num_threads(threads)
        assert_equal(run(kernel, x, v, p), expected, [x, v, leak], {"rtol": 1e-4, "atol": 1e-3})
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
@NEEDS_COMPILER
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("surrogate", sorted(fallback.SHAPES))
def test_every_combination_over_several_blocks_and_threads(surrogate, dtype):
    """Each has a loop of its own in C: with gradients written straight where they belong, or
    through rows where more is wanted.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for reset, detach, amplitude, learned, static in product(
            ("hard", "soft"), *[(False, True)] * 4
        ):
            changes = {
                "reset": reset,
                "detach_reset": detach,
                "amplitude": "threshold" if amplitude else "unit",
                "surrogate": surrogate,
            }
            _equal_over_blocks(replace(PARAMETERS, **changes), learned, static, dtype)
    finally:
        torch.set_num_threads(before)


def _equal_over_blocks(p: ScanParameters, learned: bool, static: bool, dtype: torch.dtype) -> None:
    numbers = (
        [torch.tensor(value, requires_grad=True) for value in (0.6, 0.9, 1.1)] if learned else []
    )
    p = replace(p, **dict(zip(("leak", "gain", "threshold"), numbers, strict=False)))
    x, v = leaves(3, 2100)
    x = x.detach().to(dtype).requires_grad_()
    given = x[:1].expand_as(x) if static else x
    got, expected = run(compiled, given, v, p), run(fallback, given, v, p)
    torch.testing.assert_close(got, expected, **EXACT)
    # Of thousands of terms the sums are wrong by their rounding; bfloat16 rounds currents'
    # gradients.
    tolerance = (
        {"rtol": 1e-4, "atol": 2e-3} if dtype == torch.float32 else {"rtol": 2e-2, "atol": 2e-2}
    )
    torch.testing.assert_close(
        gradients(*got, [x, v, *numbers]), gradients(*expected, [x, v, *numbers]), **tolerance
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_potential_carries_over_chunks(kernel):
    x, v = leaves(7, 50)
    first, between = run(kernel, x[:3], v, PARAMETERS)
    second, last = run(kernel, x[3:], between, PARAMETERS)
    assert_equal(
        (torch.cat([first, second]), last), run(kernel, x, v, PARAMETERS), [x, v], ROUNDING
    )


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("steps", [1, 6, 8])
def test_static_input(kernel, dtype, steps):
    step, v = current(2, 40).to(dtype).requires_grad_(), torch.zeros(2, 40, requires_grad=True)
    static, copied = step.expand(steps, 2, 40), step.expand(steps, 2, 40).float().contiguous()
    got, expected = run(kernel, static, v, PARAMETERS), run(kernel, copied, v, PARAMETERS)
    assert got[0].is_contiguous() and got[0].dtype == dtype
    torch.testing.assert_close((got[0].float(), got[1]), expected, **EXACT)
    tolerance = ROUNDING if dtype == torch.float32 else {"rtol": 2e-2, "atol": 4e-2}
    got, expected = ((y.float().cumsum(0).sum(), v_last) for y, v_last in (got, expected))
    torch.testing.assert_close(
        gradients(*got, [step, v]), gradients(*expected, [step, v]), **tolerance
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_any_layout(kernel):
    dense, v = current(4, 2, 6, 5, 3), torch.zeros(2, 6, 5, 3)
    expected, _ = run(kernel, dense, v, PARAMETERS)
    last = dense.flatten(0, 1).contiguous(memory_format=torch.channels_last).unflatten(0, (4, 2))
    y, potential = run(kernel, last, v, PARAMETERS)
    assert (
        torch.equal(y, expected)
        and y.stride() == last.stride()
        and potential.stride() == last.stride()[1:]
    )
    for view in (
        dense.transpose(0, 1).contiguous().transpose(0, 1),
        dense.repeat(1, 1, 1, 1, 2)[..., :3],
        dense.repeat(2, 1, 1, 1, 1)[:4],
    ):
        assert torch.equal(run(kernel, view, v, PARAMETERS)[0], expected)
    assert torch.equal(run(kernel, dense.repeat_interleave(2, 0)[::2], v, PARAMETERS)[0], expected)
    static = last[:1].expand(4, -1, -1, -1, -1)
    assert torch.equal(
        run(kernel, static, v, PARAMETERS)[0], run(kernel, static.contiguous(), v, PARAMETERS)[0]
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_of_any_layout(kernel):
    last = (
        current(8, 6, 5, 3)
        .contiguous(memory_format=torch.channels_last)
        .unflatten(0, (4, 2))
        .requires_grad_()
    )
    dense = last.detach().contiguous().requires_grad_()
    v, weights = torch.zeros(2, 6, 5, 3), drawn(4, 2, 6, 5, 3, seed=1)
    (got,) = torch.autograd.grad(run(kernel, last, v, PARAMETERS)[0], last, weights)
    (expected,) = torch.autograd.grad(run(kernel, dense, v, PARAMETERS)[0], dense, weights)
    assert torch.equal(got, expected)
    (got,) = torch.autograd.grad(
        run(kernel, last, v, PARAMETERS)[0].sum(), last
    )  # an expanded gradient
    (expected,) = torch.autograd.grad(equations(dense, v, PARAMETERS)[0].sum(), dense)
    torch.testing.assert_close(got, expected, **ROUNDING)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("amplitude", ["unit", "threshold"])
def test_bfloat16(kernel, amplitude):
    p = replace(PARAMETERS, amplitude=amplitude, threshold=1.125)
    half, v = current(6, 2, 700).bfloat16().requires_grad_(), torch.zeros(2, 700)
    wide = half.detach().float().requires_grad_()
    (y, potential), (y_wide, potential_wide) = run(kernel, half, v, p), run(kernel, wide, v, p)
    assert y.dtype == torch.bfloat16 and potential.dtype == torch.float32
    assert torch.equal(y.float(), y_wide) and torch.equal(potential, potential_wide)
    weights = drawn(*y.shape, seed=1).bfloat16()
    (got,), (expected,) = (
        torch.autograd.grad(y, half, weights),
        torch.autograd.grad(y_wide, wide, weights.float()),
    )
    assert torch.equal(got, expected.bfloat16())


@pytest.mark.parametrize("kernel", KERNELS)
def test_only_the_last_potential_is_used(kernel):
    x, v = leaves(4, 20)
    got, expected = (
        torch.autograd.grad(f(x, v, PARAMETERS)[1].sum(), [x, v])
        for f in (equations, lambda *a: run(kernel, *a))
    )
    torch.testing.assert_close(got, expected, **ROUNDING)


def saved_bytes(kernel: ModuleType, x: Tensor, v: Tensor) -> int:
    storages = {}

    def note(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        run(kernel, x, v, PARAMETERS)
    return sum(storages.values())


@pytest.mark.parametrize("kernel", KERNELS)
def test_keeps_input_and_first_potential_only(kernel):
    x, v = leaves(8, 100)
    assert saved_bytes(kernel, x, v) == (8 + 1) * 2 * 100 * 4
    assert (
        saved_bytes(kernel, x[:1].expand(8, 2, 100), v) == (8 + 1) * 2 * 100 * 4
    )  # a view: its storage is all of x
    assert (
        saved_bytes(kernel, v.detach().requires_grad_().expand(8, 2, 100), v.clone())
        == 2 * 2 * 100 * 4
    )
    with torch.no_grad():
        assert saved_bytes(kernel, x, v) == 0
    assert saved_bytes(kernel, x.detach(), v.detach()) == 0


@pytest.mark.parametrize("surrogate", ["arctan", "gaussian"])
def test_over_runs_the_kernel(surrogate, monkeypatch):
    calls = []
    monkeypatch.setattr(dispatch, "scan", lambda *arguments: calls.append(1) or scan(*arguments))
    cell = build_option("neuron", "lif", surrogate=build_option("surrogate", surrogate))
    x = current(5, 2, 9)
    assert torch.equal(Over(cell)(x), cell_loop(cell, x, cell.initial(x[0]))[0]) and calls == [1]
    loop = Over(cell)
    with streaming(loop):
        assert torch.equal(torch.cat([loop(x[:2]), loop(x[2:])]), Over(cell)(x))


def test_choice_of_kernel(monkeypatch):
    x, v = current(2, 1, 3), torch.zeros(1, 3)
    assert dispatch.choose_kernel(x, v) is (fallback if compiled.library() is None else compiled)
    assert (
        dispatch.choose_kernel(x.double(), v.double()) is fallback
        and dispatch.choose_kernel(x.half(), v) is fallback
    )
    monkeypatch.setattr(compiled, "library", lambda: None)
    assert dispatch.choose_kernel(x, v) is fallback


def test_every_library_that_was_compiled_is_found():
    compiled_names = {path.name.partition(".")[0] for path in FOLDER.glob("_*.so")}
    found = {"_scan": compiled.library(), "_events": events.library()}
    assert compiled_names == {name for name, library in found.items() if library is not None}, (
        "compile anew: install the package again"
    )


@pytest.mark.slow
def test_the_kernel_for_cuda_devices_is_found():
    pytest.importorskip("triton")
    from snnexp.kernels.scan import cuda

    assert dispatch.triton_kernel() is cuda


@NEEDS_COMPILER
def test_a_kernel_of_another_version_is_not_called(monkeypatch):
    monkeypatch.setattr(compiled, "INTERFACE", compiled.INTERFACE + 1)
    compiled.library.cache_clear()
    try:
        assert compiled.library() is None
    finally:
        compiled.library.cache_clear()


INTERPRETED = """
import torch
from snnexp.kernels.scan import cuda as triton
from tests.kernels.test_kernels import *
triton.BLOCK, triton.SEGMENT = 64, 2
for steps, size, changes, dtype, static in (
    (5, 100, dict(surrogate="arctan"), torch.float32, False),
    (1, 3, dict(reset="soft", amplitude="threshold", surrogate="sigmoid"), torch.float32, False),
    (3, 7, dict(detach_reset=True, leak_gradient="straight_through", surrogate="rectangle"), torch.float32, False),
    (3, 7, dict(reset="soft", surrogate="gaussian"), torch.float32, True),
    (2, 7, dict(surrogate="triangle"), torch.bfloat16, False),
    (2, 7, dict(surrogate="exponential"), torch.float32, False),
    (2, 7, dict(surrogate="fast_sigmoid"), torch.float32, False),
    (3, 7, dict(surrogate="fired"), torch.float32, False),
):
    learned = [torch.tensor(value, requires_grad=True) for value in (0.6, 0.9, 1.1)]
    p = replace(PARAMETERS, leak=learned[0], gain=learned[1], threshold=learned[2], **changes)
    x, v = leaves(steps, size)
    x = x.detach().to(dtype).requires_grad_()
    current = x[:1].expand_as(x) if static else x
    # The interpreter truncates to bfloat16 where devices round.
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 1e-2, "atol": 1e-2}
    assert_equal(run(triton, current, v, p), run(fallback, current, v, p), [x, v, *learned], tolerance)
    assert all(map(torch.equal, counted(current, v, p, triton), counted(current, v, p, fallback)))
for reset, detach, amplitude, dtype, static in product(
    ("hard", "soft"), (False, True), ("unit", "threshold"), (torch.float32, torch.bfloat16), (False, True)
):
    p = replace(PARAMETERS, threshold=1.125, reset=reset, detach_reset=detach, amplitude=amplitude)  # a threshold that bfloat16 has
    x, v = leaves(2, 9)
    x = x.detach().to(dtype).requires_grad_()
    current = x[:1].expand_as(x) if static else x
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 1e-2, "atol": 1e-2}
    assert_equal(run(triton, current, v, p), run(fallback, current, v, p), [x, v], tolerance)
images, rest = drawn(2, 2, 6, 3, 3), torch.zeros(2, 6, 3, 3)
last = images.flatten(0, 1).contiguous(memory_format=torch.channels_last).unflatten(0, (2, 2))
y, potential = run(triton, last, rest, PARAMETERS)
assert torch.equal(y, run(fallback, images, rest, PARAMETERS)[0]) and y.stride() == last.stride()
fixed = replace(PARAMETERS, reset="soft", amplitude="threshold")
x, v = leaves(3, 5)
assert_equal(run(triton, x, v, fixed), equations(x, v, fixed), [x, v], ROUNDING)
print("equal")
"""


@pytest.mark.slow
def test_triton_under_its_interpreter():
    pytest.importorskip("triton")
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", INTERPRETED]
    done = subprocess.run(
        command,
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout.endswith("equal\n"), done.stderr
