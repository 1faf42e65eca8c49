"""Every cell that brings its whole sequence against the loop over its `step`, which is the
definition.
"""

import inspect

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from snnexp.cell import Cell, Over, State, Whole, stepwise, streaming
from snnexp.configuration.build import locate
from tests.support.options import build_option, options, settings

STEPS, BATCH, FEATURES = 9, 3, 10  # ten: every readout divides it
ROUNDING = {"rtol": 2e-5, "atol": 2e-6}


def cell(group: str, name: str) -> Cell:
    taken = inspect.signature(locate(settings(group, name)["_target_"])).parameters
    provided = {"surrogate": build_option("surrogate", "arctan")} if "surrogate" in taken else {}
    return build_option(group, name, {}, **provided)


def whole(group: str) -> list[str]:
    return [name for name in options(group) if isinstance(cell(group, name), Whole)]


CELLS = [(group, name) for group in ("neuron", "synapse", "readout") for name in whole(group)]


def drive(dtype: torch.dtype, static: bool) -> Tensor:
    draws = torch.Generator().manual_seed(5)
    x = 2 * torch.rand(1 if static else STEPS, BATCH, FEATURES, generator=draws) - 0.25
    return x.to(dtype).expand(STEPS, BATCH, FEATURES) if static else x.to(dtype)


def run(
    cell: Cell, x: Tensor, state: State, count: bool = False
) -> tuple[Tensor, State, Tensor | None]:
    result = cell.through(x, state, count)
    assert result is not None
    return result


def gradients(y: Tensor, state: State, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    """Of an uneven sum of all outputs, and of what is left in the state."""
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(6))
    left = sum(tensor.sum() for tensor in tree_leaves(state) if isinstance(tensor, Tensor))
    return torch.autograd.grad((y * weights).sum() + left, inputs)


def test_the_integrate_and_fire_family_brings_its_whole_sequence():
    assert {("neuron", name) for name in ("if", "lif", "plif", "diet")} <= set(CELLS)


@pytest.mark.slow
@pytest.mark.parametrize(("group", "name"), CELLS)
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_the_values_are_those_of_the_loop(group, name, dtype, static):
    made, x = cell(group, name), drive(dtype, static)
    with torch.no_grad():
        expected, expected_state = stepwise(made, x, made.initial(x[0]))
        y, state, _ = run(made, x, made.initial(x[0]))
    assert torch.equal(y, expected.to(y.dtype)) and y.any()
    torch.testing.assert_close(state, expected_state, rtol=0.0, atol=0.0)


@pytest.mark.parametrize(("group", "name"), CELLS)
def test_the_gradients_are_those_of_the_loop_or_have_a_source(group, name):
    made = cell(group, name)
    if made.own_gradient:
        assert "Source:" in type(made).__doc__
        return
    x = drive(torch.float32, static=False).requires_grad_()
    inputs = [x, *(parameter for parameter in made.parameters() if parameter.requires_grad)]
    expected = gradients(*stepwise(made, x, made.initial(x[0])), inputs)
    found = gradients(*run(made, x, made.initial(x[0]))[:2], inputs)
    assert all(gradient.any() for gradient in expected)
    torch.testing.assert_close(found, expected, **ROUNDING)


@pytest.mark.parametrize(("group", "name"), CELLS)
def test_a_state_goes_on_where_the_chunk_before_has_ended(group, name):
    loop, x = Over(cell(group, name)), drive(torch.float32, static=False)
    with streaming(loop):
        chunks = torch.cat([loop(x[:1]), loop(x[1:4]), loop(x[4:])])
    assert torch.equal(chunks, loop(x))


@pytest.mark.parametrize(("group", "name"), CELLS)
def test_what_it_counts_is_what_it_fires(group, name):
    made, x = cell(group, name), drive(torch.float32, static=False)
    with torch.no_grad():
        y, _, counts = run(made, x, made.initial(x[0]), count=True)
        assert run(made, x, made.initial(x[0]))[2] is None
    assert counts is None or torch.equal(counts, (y != 0).float().sum(0))


class Doubled(Cell):
    """The smallest cell with a gradient of its own: sends what it gets, and ten times the gradient.
    Source: this test.
    """

    own_gradient = True

    def initial(self, x: Tensor) -> State:
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x, state

    def through(
        self, x: Tensor, state: State, count: bool
    ) -> tuple[Tensor, State, Tensor | None] | None:
        if len(x) == 1:
            return None
        y, state = stepwise(self, x, state)
        return y.detach() + 10 * (x - x.detach()), state, (y != 0).float().sum(0) if count else None


def test_a_loop_over_time_asks_the_cell_for_its_whole_sequence_first():
    loop, x = Over(Doubled()), torch.ones(3, 2, 4, requires_grad=True)
    assert torch.autograd.grad(loop(x).sum(), x)[0].unique().tolist() == [10]
    assert torch.autograd.grad(loop(x[:1]).sum(), x)[0].unique().tolist() == [
        0,
        1,
    ]  # step by step where it says None
    loop.counting = True
    loop(x)
    assert loop.counts is None  # gradients were taken
    with torch.no_grad():
        loop(x)
    assert loop.counts.tolist() == [[3.0] * 4] * 2
