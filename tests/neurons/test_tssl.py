"""Neurons trained on the times of their spikes, against a literal transcription of the published
layer: filter, weights, neuron that sends its trace.
"""

import math

import pytest
import torch
from torch import Tensor

from snnexp.cell import Over
from snnexp.neurons.tssl import TSSL
from snnexp.readouts.trace import Trace
from snnexp.synapses.exponential import Exponential
from tests.support.options import build_option

TM, TS, THRESHOLD, WIDTH = 5.0, 3.0, 1.0, 0.2


class Published(torch.autograd.Function):
    """A layer as the authors have it, all timesteps at once: weighted traces to traces, with the
    gradient of a fired neuron by the time of its spike and that of a silent one by a slope.
    """

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        u, trace = torch.zeros_like(x[0]), torch.zeros_like(x[0])
        kept = {"potential": [], "change": [], "spike": [], "trace": []}
        for x_t in x:
            change = -u / TM + x_t
            u = u + change
            spike = (u > THRESHOLD).to(x.dtype)
            trace = trace + (spike - trace) / TS
            for name, value in zip(kept, (u, change, spike, trace), strict=True):
                kept[name].append(value)
            u = u * (1 - spike)
        ctx.save_for_backward(*(torch.stack(each) for each in kept.values()))
        return torch.stack(kept["trace"])

    @staticmethod
    def backward(ctx, of_trace: Tensor) -> Tensor:
        potential, change, spike, trace = ctx.saved_tensors
        steps, result = len(of_trace), torch.zeros_like(of_trace)
        effect = [(1 - 1 / TS) ** lag / TS for lag in range(steps)]
        carry = torch.zeros_like(of_trace[0])
        for t in reversed(range(steps)):
            tail = sum(effect[m - t] * of_trace[m] for m in range(t, steps))
            crossing = torch.clamp(-1 / change[t], -8, 0) * spike[t]
            g = -crossing * tail
            if t < steps - 1:
                g = g + carry * (-potential[t] / TM) * crossing
                g = g + carry * (1 - 1 / TM) * (1 - spike[t])
            carry = g * spike[t] + carry * (1 - spike[t]) * (1 - 1 / TM)
            q = torch.exp(torch.clamp((THRESHOLD - potential[t]) / WIDTH, -8, 8))
            slope = q / ((1 + q) ** 2 * WIDTH)
            result[t] = torch.where(trace[t] < 1 / (4 * TS), tail * slope, g)
        return result


def neuron() -> TSSL:
    return TSSL(TM, TS, THRESHOLD, WIDTH, 8.0)


def traces(spikes: Tensor) -> Tensor:
    return Over(Exponential(TS))(spikes)


def published(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    hidden = Published.apply(traces(x) @ first.T)
    return Published.apply(hidden @ second.T)


def ours(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    hidden = Over(Exponential(TS), neuron())(x @ first.T)
    return traces(Over(Exponential(TS), neuron())(hidden @ second.T))


def trained(layers, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Traces of the output, and the gradients of both weights by a squared distance."""
    draws = torch.Generator().manual_seed(steps)
    first, second = (
        (0.9 * torch.randn(*size, generator=draws, dtype=torch.float64)).requires_grad_()
        for size in ((30, 20), (10, 30))
    )
    x = torch.randn(7, 20, generator=draws, dtype=torch.float64).expand(steps, -1, -1)
    target = 0.3 * torch.rand(steps, 1, 10, generator=draws, dtype=torch.float64)
    output = layers(x, first, second)
    ((output - target).square().sum() / 2).backward()
    return output.detach(), first.grad, second.grad


@pytest.mark.parametrize("steps", range(1, 13))
def test_values_and_gradients_are_those_of_the_published_layer(steps):
    expected, found = trained(published, steps), trained(ours, steps)
    assert (expected[0] > 0).any() and all(each.any() for each in expected)
    for one, other in zip(found, expected, strict=True):
        assert (one - other).abs().max() <= 1e-12 * max(1.0, float(other.abs().max()))


def test_spikes_and_potentials_by_hand():
    cell = neuron()
    state, potentials, spikes = cell.initial(torch.zeros(1, 1, dtype=torch.float64)), [], []
    for current in (0.6, 0.6, 0.25, 1.0):  # u: 0.6, 1.08 (fires), 0.25, 1.2 (fires)
        s, state = cell.step(torch.tensor([[current]], dtype=torch.float64), state)
        spikes.append(s.item())
        potentials.append(state[0].item())
    assert spikes == [0, 1, 0, 1]
    assert potentials == pytest.approx([0.6, 0, 0.25, 0])


def test_does_not_fire_at_the_threshold_itself():
    cell, x = neuron(), torch.ones(1, 1)
    assert cell.step(x, cell.initial(x))[0].item() == 0
    assert cell.step(x + 1e-6, cell.initial(x))[0].item() == 1


def gradients(currents: list[float], of_spikes: list[float]) -> list[float]:
    x = torch.tensor(currents, dtype=torch.float64).view(-1, 1, 1).requires_grad_()
    weights = torch.tensor(of_spikes, dtype=torch.float64).view(-1, 1, 1)
    (Over(neuron())(x) * weights).sum().backward()
    return x.grad.flatten().tolist()


def test_a_steep_crossing_is_a_small_change_of_time():
    assert gradients([4.0], [1.0]) == pytest.approx([1 / 4])
    assert gradients([1.0625], [2.0]) == pytest.approx([2 / 1.0625])


def test_a_flat_crossing_has_the_largest_slope():
    rising = [0.9999, 0.2 * 0.9999 + 0.01]  # the potential grows by 0.01, to more than 1
    assert gradients(rising, [0.0, 1.0])[1] == 8


def test_a_silent_neuron_has_the_slope_of_a_logistic_function():
    q = math.exp((1 - 0.9) / WIDTH)
    assert gradients([0.9], [1.0]) == pytest.approx([q / ((1 + q) ** 2 * WIDTH)])
    q = math.exp(8)
    assert gradients([-50.0], [1.0]) == pytest.approx([q / ((1 + q) ** 2 * WIDTH)])


def test_before_a_spike_what_charges_it_is_found_through_the_leak():
    """Fires first, so that its trace is high; then charges for one step, and fires again."""
    first, second, third = gradients([2.0, 0.5, 1.0], [0.0, 0.0, 1.0])
    crossing = 1 / (1.0 - 0.5 / TM)
    assert third == pytest.approx(crossing)
    assert second == pytest.approx(crossing * (1 - 1 / TM))
    carried = crossing * (1 - 1 / TM)
    assert first == pytest.approx(carried * (2.0 / TM) * (1 / 2.0))


def test_the_trace_is_not_trained():
    cell, x = neuron(), torch.full((1, 1), 2.0, requires_grad=True)
    _, (potential, trace) = cell.step(x, cell.initial(x))
    assert potential.requires_grad and not trace.requires_grad
    assert trace.item() == pytest.approx(1 / TS)


def test_the_readout_decides_by_the_sum_of_traces():
    spikes = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    sums = traces(spikes[:, None].double()).cumsum(0)
    full = traces(torch.ones(4, 1, 1, dtype=torch.float64)).cumsum(0)
    found = Over(Trace(TS))(spikes[:, None].double())
    assert torch.allclose(found, sums / full, atol=1e-15)
    assert found[-1, 0].argmax() == 0 and found[-1, 0, 0] > found[-1, 0, 1]


def test_a_readout_without_memory_is_the_rate():
    spikes = (torch.rand(6, 2, 3, generator=torch.Generator().manual_seed(1)) > 0.5).double()
    assert torch.allclose(
        Over(build_option("readout", "trace", {"time_constant": 1.0}))(spikes),
        Over(build_option("readout", "rate"))(spikes),
    )
