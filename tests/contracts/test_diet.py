"""The neuron with a learned threshold and leak: values by hand, gradients by hand, ranges, and what
weight decay leaves alone.
"""

import pytest
import torch
from torch import Tensor, nn

from snnexp.cell import Cell, Over
from snnexp.kernels.scan import c as compiled
from snnexp.kernels.scan import torch as fallback
from snnexp.kernels.scan.dispatch import run
from snnexp.training.descent import bound
from snnexp.training.parameters import parameter_groups
from tests.support.options import build_option, options, settings


def diet(surrogate: str = "triangle", scale: float = 0.3, width: float = 1.0, **changes) -> Cell:
    known = settings("surrogate", surrogate)
    chosen = {key: value for key, value in (("scale", scale), ("width", width)) if key in known}
    slope = build_option("surrogate", surrogate, chosen)
    return build_option("neuron", "diet", changes, surrogate=slope)


def by_steps(cell: Cell, x: Tensor) -> tuple[Tensor, Tensor]:
    state, spikes, potentials = cell.initial(x[0]), [], []
    for x_t in x:
        s, state = cell.step(x_t, state)
        spikes.append(s)
        potentials.append(state)
    return torch.stack(spikes), torch.stack(potentials)


def column(values: list[float]) -> Tensor:
    return torch.tensor(values).view(-1, 1, 1)


def test_by_hand():
    # threshold 2, leak 1/2, in units of the threshold: 3/4, 9/8 -> 1/8, 13/16, 37/32 -> 5/32
    spikes, potentials = by_steps(diet(threshold=2.0, leak=0.5), column([1.5] * 4))
    assert spikes.flatten().tolist() == [0, 1, 0, 1]
    assert potentials.flatten().tolist() == pytest.approx([0.75, 0.125, 0.8125, 0.15625])


def test_an_initial_potential_is_a_share_of_the_threshold():
    spikes, potentials = by_steps(diet(threshold=4.0, initial_potential=0.5), column([2.0, 1.0]))
    assert spikes.flatten().tolist() == [1, 0] and potentials.flatten().tolist() == [0.0, 0.25]


def test_gradients_are_those_of_the_published_form():
    """V <- leak V + x, z = V / threshold - 1, V <- V - threshold s with s constant there; z has the
    slope 0.3 max(0, 1 - |z|).
    """
    cell, x = diet(threshold=1.5, leak=0.7), column([1.0, 1.2, 0.4, 0.9]).requires_grad_()
    threshold, leak = (torch.tensor(value, requires_grad=True) for value in (1.5, 0.7))
    v, z = torch.zeros(1, 1), []
    for x_t in x:
        u = leak * v + x_t
        z.append(u / threshold - 1)
        v = u - threshold * (z[-1] >= 0).float().detach()
    slopes = [0.3 * max(0.0, 1 - abs(value.item())) for value in z]
    expected = torch.autograd.grad(
        sum(slope * value for slope, value in zip(slopes, z, strict=True)), [x, threshold, leak]
    )
    spikes, _ = by_steps(cell, x)
    assert 0 < spikes.sum() < 4
    torch.testing.assert_close(
        torch.autograd.grad(spikes.sum(), [x, cell.threshold, cell.leak]), expected
    )


@pytest.mark.parametrize(
    "kernel",
    [
        pytest.param(
            compiled, marks=pytest.mark.skipif(compiled.library() is None, reason="no compiler")
        ),
        fallback,
    ],
)
@pytest.mark.parametrize("surrogate", options("surrogate"))
def test_the_fused_scan_equals_the_cell(kernel, surrogate):
    cell = diet(surrogate, threshold=0.6, leak=0.8, initial_potential=0.25)
    if cell.scan_parameters() is None:
        pytest.skip("a slope of its own")
    x = (
        torch.randn(6, 2, 33, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.3
    ).requires_grad_()
    v = cell.initial(x[0])
    got, expected = run(kernel, x, v, cell.scan_parameters()), by_steps(cell, x)
    assert (
        torch.equal(got[0], expected[0])
        and torch.equal(got[1], expected[1][-1])
        and 0.05 < got[0].mean() < 0.95
    )
    learned = [x, cell.threshold, cell.leak]
    both = (
        torch.autograd.grad((y * torch.arange(y.numel()).view(y.shape)).sum(), learned)
        for y in (got[0], expected[0])
    )
    torch.testing.assert_close(*both, rtol=2e-4, atol=2e-3)


@pytest.mark.parametrize(("threshold", "leak"), [(False, False), (True, False), (True, True)])
def test_the_ablation_learns_what_it_says(threshold, leak):
    cell = diet(train_threshold=threshold, train_leak=leak)
    Over(cell)(torch.full((4, 1, 3), 0.6).requires_grad_()).sum().backward()
    assert [parameter.grad is not None for parameter in (cell.threshold, cell.leak)] == [
        threshold,
        leak,
    ]


# Pitfall: thresholds and leaks under weight decay shrink whatever the data say, and nothing guards
# their range.


def stepped(cell: Cell, weight_decay: float, lr: float = 0.1) -> nn.Module:
    network = nn.Sequential(nn.Linear(3, 3), Over(cell))
    optimizer = torch.optim.SGD(parameter_groups(network), lr=lr, weight_decay=weight_decay)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return network


def test_weight_decay_leaves_threshold_and_leak_alone():
    cell = diet(threshold=2.0, leak=0.9)
    before = torch.cat([each.detach().flatten().clone() for each in (cell.threshold, cell.leak)])
    torch.manual_seed(0)
    network = stepped(cell, weight_decay=0.5)
    assert torch.equal(torch.cat([cell.threshold.flatten(), cell.leak.flatten()]), before)
    torch.manual_seed(0)
    assert torch.allclose(network[0].weight, 0.95 * nn.Linear(3, 3).weight)


@pytest.mark.parametrize(
    ("threshold", "leak", "expected"),
    [(-3.0, 1.4, (1e-3, 1.0)), (0.0, -0.2, (1e-3, 0.0)), (0.5, 0.6, (0.5, 0.6))],
)
def test_learned_numbers_are_put_back_into_their_range(threshold, leak, expected):
    cell = diet()
    with torch.no_grad():
        cell.threshold.fill_(threshold)
        cell.leak.fill_(leak)
    bound(nn.Sequential(Over(cell)))
    assert (cell.threshold.item(), cell.leak.item()) == pytest.approx(expected)


def test_set_threshold():
    cell, kept = diet(train_threshold=True), diet()
    parameter = cell.threshold
    cell.set_threshold(0.4, 0.5)
    assert (
        cell.threshold is parameter
        and parameter.requires_grad
        and parameter.item() == pytest.approx(0.4)
    )
    assert cell.initial(torch.zeros(1, 2)).tolist() == [[0.5, 0.5]]
    kept.load_state_dict(cell.state_dict(), strict=True)
    assert kept.threshold.item() == pytest.approx(0.4) and kept.initial_potential == 0.5
