"""Neurons for conversion that are no codes in windows, and STDB: tables worked out by hand."""

import math

import pytest
import torch
from torch import Tensor

from snnexp.cell import Cell, Over
from tests.support.options import build_option


def neuron(name: str, **changes) -> Cell:
    provided = (
        {}
        if name in ("stdb", "first_spike")
        else {"surrogate": build_option("surrogate", "triangle", {"scale": 0.3, "width": 1.0})}
    )
    return build_option("neuron", name, changes, **provided)


def column(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(-1, 1, 1)


def spikes(cell: Cell, current: list[float]) -> list[float]:
    return Over(cell)(column(current)).flatten().tolist()


# STDB


def test_stdb_fires_like_the_neuron_of_its_order():
    x = 2 * torch.rand(12, 2, 5, generator=torch.Generator().manual_seed(1))
    for order in ("fire_after", "fire_before"):
        plain = {"leak": 0.9, "order": order, "threshold": 0.8, "initial_potential": 0.5}
        lif = neuron("lif", **plain, reset="soft", amplitude="unit", input_gain="one")
        assert torch.equal(Over(neuron("stdb", **plain))(x), Over(lif)(x))


def test_the_slope_of_stdb_fades_with_the_silence():
    x = column([2.5, 0.0, 0.0, 0.0]).requires_grad_()
    cell = neuron("stdb", threshold=2.0, scale=0.3, decay=0.5)
    y = Over(cell)(x)
    assert y.flatten().tolist() == [1, 0, 0, 0]
    for step, silence in ((0, 1000), (1, 1), (2, 2), (3, 3)):
        (gradient,) = torch.autograd.grad(y[step].sum(), x, retain_graph=True)
        assert gradient[0].item() == pytest.approx(0.3 * math.exp(-0.5 * silence) / 2.0, abs=1e-12)


def test_stdb_counts_the_silence_from_the_last_spike():
    _, (_, silence) = run(neuron("stdb"), column([1.5, 0.1, 0.0, 1.0, 0.0]))
    assert silence.flatten().tolist() == [1, 2, 3, 1, 2]


def run(cell: Cell, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    state, outputs, states = cell.initial(x[0]), [], []
    for x_t in x:
        y, state = cell.step(x_t, state)
        outputs.append(y)
        states.append(state)
    return torch.stack(outputs), tuple(torch.stack(each) for each in zip(*states, strict=True))


# Signed


def test_signed_takes_back_what_came_too_early():
    y, (v, memory) = run(neuron("signed"), column([1.5, 0.0, -1.5, -1.0, -1.0, -3.0]))
    assert y.flatten().tolist() == [
        1,
        0,
        -1,
        0,
        0,
        0,
    ]  # the second -1 finds nothing left to take back
    assert v.flatten().tolist() == [0.5, 0.5, 0.0, -1.0, -2.0, -5.0]
    assert memory.flatten().tolist() == [1, 1, 0, 0, 0, 0]


def test_signed_needs_the_whole_threshold_below_zero():
    assert spikes(neuron("signed", threshold=2.0), [2.0, -1.9, -0.1]) == [1, 0, -1]


@pytest.mark.parametrize("amplitude", ["unit", "threshold"])
def test_signed_rates_are_the_rectifier_whatever_the_order_of_the_input(amplitude):
    steps, threshold = 64, 0.5
    x = (
        torch.randn(
            steps, 1, 500, generator=torch.Generator().manual_seed(2), dtype=torch.float64
        ).clamp(-1, 1)
        * threshold
    )
    height = threshold if amplitude == "threshold" else 1.0
    total = (
        Over(neuron("signed", threshold=threshold, amplitude=amplitude))(x).sum(0)
        * threshold
        / height
    )
    plain = (
        Over(neuron("if", threshold=threshold, amplitude=amplitude, reset="soft"))(x).sum(0)
        * threshold
        / height
    )
    expected = x.sum(0).clamp(min=0)
    assert (total - expected).abs().max() < threshold + 1e-9 < (plain - expected).abs().max()


# Burst


def test_burst_by_hand():
    y, _ = spikes(neuron("burst", largest=3), [0.5, 2.0, 9.0, 0.0, 0.0]), None
    assert y == [0, 2, 3, 3, 3]  # 0.5; 2.5 -> 0.5; 9.5 -> 6.5 -> 3.5 -> 0.5
    assert spikes(neuron("burst", threshold=0.5, amplitude="threshold"), [1.25, -5.0]) == [1.0, 0.0]


def test_burst_of_one_is_the_integrate_and_fire_neuron():
    x = 2 * torch.rand(12, 2, 50, generator=torch.Generator().manual_seed(1)) - 0.5
    assert torch.equal(Over(neuron("burst", largest=1))(x), Over(neuron("if", reset="soft"))(x))


def test_every_spike_of_a_burst_counts():
    unit, high = neuron("burst"), neuron("burst", threshold=0.3, amplitude="threshold")
    counts = column([0.0, 1.0, 5.0])
    assert (
        unit.spikes(counts, None).flatten().tolist()
        == high.spikes(0.3 * counts.float(), None).flatten().tolist()
        == [0, 1, 5]
    )


def test_gradient_of_a_burst_is_the_sum_of_its_slopes():
    x = column([2.25]).requires_grad_()
    Over(neuron("burst", largest=4))(x).sum().backward()
    assert x.grad.item() == pytest.approx(0.3 * (0.75 + 0.25))  # 0.25 above 2 and 0.75 below 3


# First spike


def test_first_spike_by_hand():
    cell = neuron("first_spike", threshold=2.0, step=0.5)
    assert spikes(cell, [1.5] * 6) == [
        0,
        0,
        0,
        2,
        2,
        2,
    ]  # potentials 0.75, 1.5, 2.25: on from the step after
    assert cell.spikes(column([0, 0, 0, 2, 2, 2]), None).flatten().tolist() == [0, 0, 0, 1, 0, 0]
    assert spikes(cell, [5.0, -9.0, 0.0]) == [0, 2, 2]


def test_a_first_spike_adds_a_ramp():
    on = Over(neuron("first_spike", step=1.0))(column([1.0] + [0.0] * 5))  # fires at step 0
    _, (u, _) = run(neuron("first_spike", threshold=100.0, step=1.0), 0.25 * on)
    assert u.flatten().tolist() == [0.25 * t for t in range(6)]


# Pitfall: in the end every neuron with positive input has fired, so the sum of all output says
# nothing; the first spike does.


def test_what_comes_after_the_first_spike_decides_nothing():
    currents = torch.tensor(
        [[0.3, 0.9, 0.5]], dtype=torch.float64
    )  # class 1 is first, then come the others
    output = Over(neuron("first_spike"))(currents.expand(200, 1, 3))
    scores = Over(build_option("readout", "first_spike"))(output)[:, 0]
    assert output[-1, 0].tolist() == [1, 1, 1]
    first = int(output[:, 0].any(1).int().argmax())
    assert not scores[:first].any() and (scores[first:].argmax(1) == 1).all()
    late = torch.cat([output, output[-1:] * torch.tensor([100.0, 0.0, 0.0])])
    assert Over(build_option("readout", "first_spike"))(late)[-1, 0].argmax() == 1
    assert late.sum(0)[0].argmax() == 0
