"""Gradients of spike counts by spike trains (Jin 2018 HM2-BP, survey [49]; Zhang & Li 2019 ST-RSBP,
survey [52]) against their equations, pair of spikes by pair of spikes.
"""

import pytest
import torch
from torch import Tensor, nn

from snnexp.layers.connection import Connection
from snnexp.layers.recurrent import Recurrent
from snnexp.layers.spiking import SpikingUnit
from tests.support.options import build_option

TAU_M, TAU_S, THRESHOLD, REFRACTORY = 8.0, 3.0, 0.3, 2
INPUTS, HIDDEN, OUTPUTS = 4, 5, 3


def simulated(currents: list[list[float]]) -> list[list[int]]:
    """The spike times of neurons that get these currents at each timestep, as the published code
    has them.
    """
    times = []
    for current in currents:
        v, rest, fired = 0.0, 0, []
        for t, x in enumerate(current):
            v = v - v / TAU_M + x
            if rest > 0:
                v, rest = 0.0, rest - 1
            if v >= THRESHOLD:
                fired.append(t)
                v, rest = 0.0, REFRACTORY
        times.append(fired)
    return times


def effect(post: list[int], pre: list[int], steps: int) -> float:
    """e_i|j: over all spikes of i the response to those spikes of j that came since the one before
    it, or are still in the synapse; a silent neuron is taken to fire at last.
    """
    total, last = 0.0, -REFRACTORY - 1
    for t_post in post or [steps - 1]:
        free = last + REFRACTORY + 1
        for t_pre in pre:
            for t in range(max(t_pre, free), t_post + 1):
                current = (1 - 1 / TAU_S) ** (t - t_pre) / TAU_S
                total += (1 - 1 / TAU_M) ** (t_post - t) * current
        last = t_post
    return total


def effects(post: list[list[int]], pre: list[list[int]], steps: int) -> Tensor:
    pairs = [[effect(i, j, steps) for j in pre] for i in post]
    return torch.tensor(pairs, dtype=torch.float64)


def compensation(w: Tensor, e: Tensor, post: list[list[int]], own_count: str) -> Tensor:
    """k_i, from all that neurons get."""
    if own_count == "none":
        return torch.ones(len(post), dtype=w.dtype)
    counts = torch.tensor([len(each) for each in post], dtype=w.dtype)
    ratio = (w * e).sum(1) / (THRESHOLD * counts.clamp(min=1))
    return 1 + ratio * (counts > 0)


def times(s: Tensor) -> list[list[int]]:
    return [[t for t in range(len(s)) if s[t, i]] for i in range(s.shape[1])]


def counts(trains: list[list[int]]) -> Tensor:
    return torch.tensor([len(each) for each in trains], dtype=torch.float64)


def layer(inputs: int, outputs: int, own_count: str, recurrent: bool = False) -> SpikingUnit:
    settings = {
        "time_constant": TAU_M,
        "threshold": THRESHOLD,
        "refractory": REFRACTORY,
        "own_count": own_count,
    }
    connection = Connection(nn.Linear(inputs, outputs, bias=False), nn.Identity())
    connection.layer.weight.data.normal_(0.2, 0.5)
    if recurrent:
        connection = Recurrent(connection, nn.Linear(outputs, outputs, bias=False))
    synapse = build_option("synapse", "exponential", {"time_constant": TAU_S})
    return SpikingUnit(
        connection, synapse, build_option("neuron", "macro_micro", settings)
    ).double()


def drive(steps: int) -> Tensor:
    draws = torch.Generator().manual_seed(8)
    spikes = torch.rand(steps, 1, INPUTS, generator=draws) < torch.tensor([0.0, 0.3, 0.5, 0.8])
    return spikes.double()


@pytest.mark.parametrize("own_count", ["first_order", "none"])
@pytest.mark.parametrize("steps", [1, 2, 5, 12])
def test_gradients_are_those_of_the_equations(steps, own_count):
    """Two layers, squared errors of counts; some neurons are silent."""
    torch.manual_seed(1)
    hidden, output = layer(INPUTS, HIDDEN, own_count), layer(HIDDEN, OUTPUTS, own_count)
    x = drive(steps)
    s = hidden(x)
    y = output(s)
    ((y.sum(0) - torch.tensor([2.0, 0.0, 5.0])).square().sum() / 2).backward()

    v, w = (unit.connection.layer.weight.detach() for unit in (hidden, output))
    pre, mid, post = times(x[:, 0]), times(s[:, 0]), times(y[:, 0])
    assert mid == simulated(currents(v, x))
    e_out, e_hid = effects(post, mid, steps), effects(mid, pre, steps)
    k_out, k_hid = compensation(w, e_out, post, own_count), compensation(v, e_hid, mid, own_count)
    delta_out = (counts(post) - torch.tensor([2.0, 0.0, 5.0])) * k_out / THRESHOLD
    torch.testing.assert_close(
        output.connection.layer.weight.grad, delta_out[:, None] * e_out, rtol=0, atol=1e-12
    )
    arriving = delta_out @ (w * e_out)
    fired = counts(mid) > 0
    of_count = torch.where(
        fired, arriving / counts(mid).clamp(min=1), silent(w, post, delta_out, steps)
    )
    expected = (of_count * k_hid / THRESHOLD)[:, None] * e_hid
    torch.testing.assert_close(hidden.connection.layer.weight.grad, expected, rtol=0, atol=1e-12)
    assert steps < 5 or (fired.any() and (arriving != 0).any())


def currents(w: Tensor, x: Tensor) -> list[list[float]]:
    """What each neuron gets behind its exponential synapse."""
    a = torch.zeros(len(w), dtype=torch.float64)
    rows = []
    for x_t in x[:, 0]:
        a = a + (w @ x_t - a) / TAU_S
        rows.append(a)
    return torch.stack(rows).T.tolist()


def silent(w: Tensor, post: list[list[int]], delta: Tensor, steps: int) -> Tensor:
    """What a spike of a silent neuron would do behind it, on average over when it came."""
    one = torch.stack([effects(post, [[t]], steps)[:, 0] for t in range(steps)]).mean(0)
    return delta * one @ w


@pytest.mark.parametrize("own_count", ["first_order", "none"])
@pytest.mark.parametrize("steps", [2, 5, 12])
def test_recurrent_counts_are_solved_for_all_at_once(steps, own_count):
    torch.manual_seed(3)
    unit, x = layer(INPUTS, HIDDEN, own_count, recurrent=True), drive(steps)
    unit.connection.feedback.weight.data.mul_(0.5)
    s = unit(x)
    weights = torch.tensor([0.5, -1.0, 2.0, 0.3, 1.0], dtype=torch.float64)
    (s.sum(0) * weights).sum().backward()

    w, r = unit.connection.layer.weight.detach(), unit.connection.feedback.weight.detach()
    pre, own = times(x[:, 0]), times(s[:, 0])
    later = [[t + 1 for t in train if t + 1 < steps] for train in own]  # a timestep on the way
    e_in, e_own = effects(own, pre, steps), effects(own, later, steps)
    k = compensation(torch.cat([w, r], 1), torch.cat([e_in, e_own], 1), own, own_count)
    slope, o = k / THRESHOLD, counts(own)
    spread = (slope[:, None] * r * e_own / o.clamp(min=1)).T  # of the count of i to that of l
    total = torch.linalg.solve(torch.eye(HIDDEN, dtype=torch.float64) - spread, weights)
    for found, e in ((unit.connection.layer, e_in), (unit.connection.feedback, e_own)):
        expected = (total * slope)[:, None] * e
        torch.testing.assert_close(found.weight.grad, expected, rtol=0, atol=1e-11)
    assert steps < 5 or 0 < s.mean() < 1


def test_the_response_is_about_the_published_one():
    """exp(-t / tau_m) - exp(-t / tau_s) over 1 - tau_s / tau_m, where time constants are long."""
    tau_m, tau_s, lag = 64.0, 8.0, 30
    kept, left = 1 - 1 / tau_m, 1 - 1 / tau_s
    own = sum(kept ** (lag - t) * left**t / tau_s for t in range(lag + 1))
    t = torch.tensor(float(lag))
    published = (torch.exp(-t / tau_m) - torch.exp(-t / tau_s)) / (1 - tau_s / tau_m)
    assert own == pytest.approx(published.item(), rel=0.05)


def test_a_convolution_has_the_gradient_of_its_positions():
    """A filter over two places is the linear layer that sees both, its weights added."""
    torch.manual_seed(5)
    settings = {"time_constant": TAU_M, "threshold": THRESHOLD, "refractory": 0}
    synapse = build_option("synapse", "exponential", {"time_constant": TAU_S})
    x = (torch.rand(9, 1, 1, 1, 2) < 0.6).double()

    def unit(weights: nn.Module) -> SpikingUnit:
        neuron = build_option("neuron", "macro_micro", settings)
        return SpikingUnit(Connection(weights, nn.Identity()), synapse, neuron).double()

    filtering = unit(nn.Conv2d(1, 3, 1, bias=False))
    weight = filtering.connection.layer.weight
    linear = unit(nn.Linear(2, 6, bias=False))
    place = torch.eye(2, dtype=torch.float64)
    linear.connection.layer.weight.data = torch.kron(weight.detach().view(3, 1), place)
    uneven = torch.randn(1, 3, 1, 2, dtype=torch.float64)
    (filtering(x).sum(0) * uneven).sum().backward()
    (linear(x.flatten(2)).sum(0) * uneven.flatten(1)).sum().backward()
    expected = torch.einsum(
        "oaib,ab->o", linear.connection.layer.weight.grad.view(3, 2, 1, 2), place
    )
    torch.testing.assert_close(weight.grad.view(3), expected, rtol=0, atol=1e-12)
    assert expected.all()
