"""Neurons trained on the times of their spikes, against a literal transcription of the published
layer: filter, weights, neuron that sends its trace.
"""

import math

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from snnexp.cell import Over, streaming
from snnexp.losses.reading import joined
from snnexp.measure.record import recording
from snnexp.network.network import Network
from snnexp.network.parts import connections
from snnexp.network.spiking import spiking_network
from snnexp.neurons.tssl import TSSL
from snnexp.readouts.trace import Trace
from snnexp.synapses.exponential import Exponential
from snnexp.training.clip import clip_weights
from snnexp.training.execution import Execution
from tests.support import networks
from tests.support.networks import dyadic
from tests.support.options import build_option
from tests.support.tiny_run import job

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


# Networks

PARTS = {
    "neuron": "tssl",
    "synapse": "exponential",
    "readout": "trace",
    "architecture": ("cnn", {"layers": ["6C3", "SP2g1.1", "D0.2", "6C3", "SP2", "FC12"]}),
}
STEPS = 6


def network() -> Network:
    return dyadic(spiking_network(networks.blueprint(**PARTS)))


def gradients_of(made: Network, execution: Execution) -> list[Tensor]:
    torch.manual_seed(5)
    reading = execution.forward(made, range(STEPS)).train()(networks.images(), networks.keys())
    loss = build_option("loss", "spike_train", {"pattern": [0, 1], "time_constant": TS})
    return list(torch.autograd.grad(loss(reading, torch.arange(3)), list(made.parameters())))


@pytest.mark.parametrize("execution", [("lean", 1), ("default", 3), ("lean", 2)], ids=str)
def test_memory_is_saved_without_a_change_of_gradients(execution):
    memory, segments = execution
    expected = gradients_of(network(), Execution("default", 1, False))
    found = gradients_of(network(), Execution(memory, segments, False))
    assert all(each.any() for each in expected)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("length", [1, 4])
def test_chunks_of_a_network_give_what_the_whole_gives(length):
    made = network()
    whole = made(networks.images(), range(STEPS), networks.keys())
    with streaming(made):
        parts = [
            made(networks.images(), steps, networks.keys())
            for steps in networks.chunks(STEPS, length)
        ]
    assert whole.drive.any() and torch.equal(joined(parts).drive, whole.drive)
    torch.testing.assert_close(joined(parts).scores, whole.scores)


def test_what_is_counted_are_spikes_whatever_the_gain_of_a_sum():
    made = network()
    sent = networks.Spikes(made)
    with recording(made) as tally, torch.no_grad():
        made(networks.images(), range(STEPS), networks.keys())
    first, second, third, output = (each.sum((0, 1)) for each in sent.taken().values())
    tally.images = 3
    assert [int(layer.spikes) for layer in tally.layers.values()] == [
        int(each.sum()) for each in (first, second, third, output)
    ]
    pooled = 4 * nn.functional.avg_pool2d(first[None], 2)
    reached = nn.functional.conv2d(pooled, torch.ones(6, 6, 3, 3), padding=1).sum()
    assert first.any() and second.any() and third.any()
    assert float(tally.ac) == int(reached + 12 * second.sum() + 10 * third.sum())


def test_weights_are_cut_after_every_step():
    made = network()
    for connection in connections(made).values():
        connection.layer.weight.data.mul_(3.0)
        connection.layer.bias.data.fill_(2.0)
    clip_weights(made, 0.5)
    weights = [connection.layer.weight for connection in connections(made).values()]
    assert {float(weight.detach().abs().max()) for weight in weights} == {0.5}
    assert any(((weight.abs() > 0) & (weight.abs() < 0.5)).any() for weight in weights)
    assert all((each.layer.bias == 2).all() for each in connections(made).values())


@pytest.mark.slow
def test_a_run_keeps_to_the_limit_of_weights(tmp_path):
    result = job(tmp_path, "norm=none", "strategy.stages.train.weight_limit=0.125")
    weights = load_file(tmp_path / "weights.safetensors")
    matrices = [each for name, each in weights.items() if name.endswith("weights.0.weight")]
    assert {float(each.abs().max()) for each in matrices} == {0.125} and result["accuracy"] > 20
