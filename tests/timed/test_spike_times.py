"""Times and gradients of single spikes: the literature's examples, an independent simulation, and
properties of every solver.
"""

import math

import pytest
import torch
from torch import Tensor

from snnexp.timed.solvers import compiled as events
from snnexp.timed.spike_times import spike_times
from snnexp.timed.synapses import Synapses
from tests.support.event_simulation import first_spike
from tests.support.options import build_option

KERNELS = ["if_exp", "if_linear", "alpha", "lif2"]
NEVER = math.inf
DOUBLE = torch.float64


def neuron(kind, **changes):
    defaults = {"horizon": 30.0, "threshold": 1.0} if kind != "if_delta" else {}
    return build_option("neuron", kind, defaults | changes, surrogate=torch.nn.Identity())


def fired(kind, times, weights, solver="scan", dtype=DOUBLE, **changes):
    """Output time of one neuron, and its derivatives by weights and times."""
    t = torch.tensor([times], dtype=dtype, requires_grad=True)
    w = torch.tensor([weights], dtype=dtype, requires_grad=True)
    out = spike_times(t, Synapses(w, None), neuron(kind, **changes), solver)
    out.masked_fill(out.isinf(), 0).sum().backward()
    return out.item(), w.grad[0].tolist(), t.grad[0].tolist()


LOG = [math.log(z) for z in (1, 2, 3, 10)]
EXAMPLES = {
    "E1": (
        "if_exp",
        {},
        LOG[:2],
        [0.8, 0.9],
        1.312186388966,
        [-1.043956043956, -0.6593406593407],
        [0.3076923076923, 0.6923076923077],
    ),
    "E2": (
        *("if_exp", {}, [LOG[0], LOG[1], LOG[3]], [0.8, 0.9, -5], 1.312186388966),
        *([-1.043956043956, -0.6593406593407, 0], [0.3076923076923, 0.6923076923077, 0]),
    ),
    "E3": (
        "if_exp",
        {},
        LOG[:3],
        [0.8, 0.9, -0.6],
        2.079441541680,
        [-8.75, -7.5, -6.25],
        [1, 2.25, -2.25],
    ),
    "E4": ("if_exp", {}, LOG[:2], [0.4, 0.5], NEVER, [0, 0], [0, 0]),
    "E5": ("if_exp", {}, LOG[:2], [2, 0.5], 0.6931471805599, [-0.5, 0], [1, 0]),
    "L1": ("if_linear", {}, [0, 1], [0.4, 0.6], 1.6, [-1.6, -0.6], [0.4, 0.6]),
    "L2": ("if_linear", {}, [0, 1, 1.2], [0.4, 0.6, -0.5], 2.0, [-4, -2, -1.6], [0.8, 1.2, -1.0]),
    "L3": ("if_linear", {}, [0, 1, 3], [0.4, 0.6, -0.5], 1.6, [-1.6, -0.6, 0], [0.4, 0.6, 0]),
    "L4": ("if_linear", {}, [0, 1], [0.4, -0.5], NEVER, [0, 0], [0, 0]),
    "A1": (
        *("alpha", {"threshold": 0.8}, [0, 0.5], [2, 1], 0.6429886929282),
        *([-0.3022990540360, -0.1108363944393], [0.3356954223144, 0.6643045776856]),
    ),
    "A2": (
        *("alpha", {"time_constant": 2.0}, [0, 0.5, 1.0], [1.0, 0.7, -0.2], 1.292513168578),
        *(
            [-2.102051591506, -1.654963813264, -0.7843340288323],
            [0.5753031598104, 0.8825360657450, -0.4578392255554],
        ),
    ),
    "G": (
        "alpha",
        {},
        [0, 0.5],
        [2, 2],
        0.6861305388905,
        [-0.2072008834013, -0.09267225453006],
        [0.1895675120939, 0.8104324879061],
    ),
    "F1": (
        "lif2",
        {},
        [0, 0.5],
        [1.2, 1.2],
        1.020873327082,
        [-0.7438818844883, -0.5478312751581],
        [0.2238160882181, 0.7761839117819],
    ),
    "F2": (
        *("lif2", {}, [0, 0.5, 0.9], [1.2, 1.2, -0.4], 1.213908821226),
        *(
            [-3.265441689519, -2.766408560335, -1.634962853653],
            [0.3876246753669, 2.209521814169, -1.597146489536],
        ),
    ),
    "F3": ("lif2", {}, [0], [3], 0.4748015723032, [-0.2440169358563], [1]),
    "S4NN": ("if_delta", {"threshold": 100.0}, [3, 7], [60, 50], 8, [-1, -1], [60, 50]),
    "S4NN at the threshold": (
        "if_delta",
        {"threshold": 100.0},
        [3, 7],
        [60, 40],
        256,
        [-1, -1],
        [60, 40],
    ),  # forced at the horizon
}


@pytest.mark.parametrize("solver", ["scan", "grid"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_reference_values(example, solver):
    kind, changes, times, weights, *expected = EXAMPLES[example]
    for found, value in zip(fired(kind, times, weights, solver, **changes), expected, strict=True):
        assert found == pytest.approx(value, rel=1e-9, abs=1e-12)


@pytest.mark.skipif(events.events.library() is None, reason="the kernel was not compiled")
@pytest.mark.parametrize("example", EXAMPLES)
def test_reference_values_in_single_precision(example):
    kind, changes, times, weights, *expected = EXAMPLES[example]
    for found, value in zip(
        fired(kind, times, weights, "events", torch.float32, **changes), expected, strict=True
    ):
        assert found == pytest.approx(value, rel=2e-4, abs=1e-6)


def test_a_spike_in_an_even_number_of_inputs_at_once():
    """Inputs at one time act as their sum."""
    one = fired("if_exp", [0.0, 0.5], [0.8, 0.9])
    three = fired("if_exp", [0.0, 0.5, 0.5, 0.5], [0.8, 0.3, 0.3, 0.3])
    assert three[0] == pytest.approx(one[0], rel=1e-12) and three[1][1:] == pytest.approx(
        [one[1][1]] * 3
    )
    assert (
        fired("if_delta", [2, 2], [80, -30], threshold=60.0)[0] == 256
    )  # one of the two alone would have been enough


def problem(kind: str, seed: int, layer: str = "linear") -> tuple[Tensor, Synapses]:
    """Random times, some of them never or equal, and weights of either sign; some neurons fire,
    some do not.
    """
    draws = torch.Generator().manual_seed(seed)
    shape = {"linear": (4, 9), "convolution": (2, 2, 6, 5)}[layer]
    times = torch.randint(0, 25, shape, generator=draws).to(DOUBLE) / (
        8 if kind != "if_delta" else 1
    )
    times = times.masked_fill(torch.rand(shape, generator=draws) < 0.15, torch.inf)
    size = {"linear": (7, 9), "convolution": (3, 2, 3, 2)}[layer]
    weight = torch.randn(size, generator=draws, dtype=DOUBLE) * 0.8 + torch.linspace(
        -0.6, 0.6, size[0]
    ).view(-1, *[1] * (len(size) - 1))
    bias = None if seed % 2 else torch.randn(size[:1], generator=draws, dtype=DOUBLE) * 0.5
    return times, Synapses(weight, bias) if layer == "linear" else Synapses(
        weight, bias, (1, 2), (1, 0)
    )


def simulated(kind: str, times: Tensor, synapses: Synapses, horizon: float = 30.0) -> Tensor:
    rows, columns = synapses.rows(times).tolist(), synapses.columns().T.tolist()
    found = [[first_spike(kind, row, column, 1.0, horizon) for column in columns] for row in rows]
    return synapses.from_rows(torch.tensor(found, dtype=DOUBLE), times)


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["scan", "grid"])
@pytest.mark.parametrize("layer", ["linear", "convolution"])
@pytest.mark.parametrize("kind", [*KERNELS, "if_delta"])
def test_times_equal_an_event_driven_simulation(kind, layer, solver):
    for seed in range(3 if layer == "linear" else 1):
        times, synapses = problem(kind, seed, layer)
        found = spike_times(times, synapses, neuron(kind), solver)
        torch.testing.assert_close(
            found, simulated(kind, times, synapses, neuron(kind).horizon), rtol=1e-9, atol=1e-9
        )
        assert (found < neuron(kind).horizon).any() and (found >= neuron(kind).horizon).any()


@pytest.mark.parametrize("kind", KERNELS)
def test_gradients_equal_differences_of_the_simulation(kind):
    times, synapses = problem(kind, 3)
    times = (
        times
        + torch.rand(times.shape, generator=torch.Generator().manual_seed(9), dtype=DOUBLE) / 50
    )  # no two at once
    times.requires_grad_()
    weight = synapses.weight.clone().requires_grad_()
    out = spike_times(times, Synapses(weight, None), neuron(kind), "scan")
    sample, output = next((s, o) for s, o in out.isfinite().nonzero().tolist() if out[s, o] > 1)
    by_weight, by_time = torch.autograd.grad(out[sample, output], (weight, times))
    step = 1e-6
    for place in range(times.shape[1]):
        for values, gradient in (
            (weight, by_weight[output, place]),
            (times, by_time[sample, place]),
        ):
            both = []
            for sign in (-1, 1):
                t, w = times[sample].tolist(), weight[output].tolist()
                (w if values is weight else t)[place] += sign * step
                both.append(first_spike(kind, t, w, 1.0, 30.0))
            assert gradient.item() == pytest.approx(
                (both[1] - both[0]) / (2 * step), rel=1e-5, abs=1e-7
            )


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["scan", "grid"])
@pytest.mark.parametrize("layer", ["linear", "convolution"])
@pytest.mark.parametrize("kind", KERNELS)
def test_gradcheck(kind, layer, solver):
    times, synapses = problem(kind, 2, layer)
    if solver == "scan":
        times = (
            times
            + torch.rand(times.shape, generator=torch.Generator().manual_seed(9), dtype=DOUBLE) / 50
        )
    weight, bias = synapses.weight.requires_grad_(), synapses.bias.requires_grad_()

    def loss(t, w, b):
        out = spike_times(t, synapses.replaced(w, b), neuron(kind), solver, slope_limit=None)
        return out.masked_fill(out.isinf(), 30.0)

    if solver == "grid":  # differences would leave the grid
        torch.autograd.gradcheck(
            lambda w, b: loss(times, w, b), (weight, bias), eps=1e-7, atol=1e-5, fast_mode=True
        )
    else:
        torch.autograd.gradcheck(
            loss, (times.requires_grad_(), weight, bias), eps=1e-7, atol=1e-5, fast_mode=True
        )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", KERNELS)
def test_a_common_delay_delays_the_output_and_late_inputs_do_nothing(kind, seed):
    times, synapses = problem(
        kind, 2 * seed + 1
    )  # without bias neuron, whose spike would not be delayed
    times.requires_grad_()
    out = spike_times(times, synapses, neuron(kind), "scan")
    for sample, output in out.isfinite().nonzero().tolist():
        (gradient,) = torch.autograd.grad(out[sample, output], times, retain_graph=True)
        assert gradient.sum().item() == pytest.approx(1, abs=1e-8)
        assert (
            not gradient[sample][times[sample] >= out[sample, output]].any()
            and not gradient[:sample].any()
        )
    later = spike_times(times.detach() + 0.75, synapses, neuron(kind), "scan")
    torch.testing.assert_close(later, out + 0.75, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@pytest.mark.skipif(events.events.library() is None, reason="the kernel was not compiled")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("layer", ["linear", "convolution"])
@pytest.mark.parametrize("kind", [*KERNELS, "if_delta"])
def test_all_solvers_agree_in_single_precision(kind, layer, threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    found = {}
    for solver in ("events", "scan", "grid"):
        times, synapses = problem(kind, 4, layer)
        leaves = [each.float().requires_grad_() for each in (times, synapses.weight, synapses.bias)]
        out = spike_times(
            leaves[0], synapses.replaced(*leaves[1:]), neuron(kind), solver, slope_limit=5.0
        )
        (
            out.masked_fill(out.isinf(), 0) * torch.linspace(-1, 1, out.numel()).view(out.shape)
        ).sum().backward()
        found[solver] = [out, *(leaf.grad for leaf in leaves)]
    for solver in ("events", "grid"):
        torch.testing.assert_close(found[solver], found["scan"], rtol=2e-4, atol=2e-5)
    assert found["scan"][0].isfinite().any() and found["scan"][3].any()


# What must not break


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["scan", "grid", "events"])
@pytest.mark.parametrize("kind", [*KERNELS, "if_delta"])
def test_silence_gives_silence_and_no_gradient(kind, solver):
    if solver == "events" and events.events.library() is None:
        pytest.skip("the kernel was not compiled")
    for times, weight in [
        (torch.full((2, 3), NEVER), torch.ones(4, 3)),
        (torch.rand(2, 3), torch.zeros(4, 3)),
        (torch.rand(2, 3), -torch.ones(4, 3)),
        (torch.rand(2, 3), torch.tensor([[1.0, -1.0, 0.0]] * 4) * 1e-3),
        (torch.full((2, 3), 1e30), torch.ones(4, 3)),
        (torch.full((2, 3), 11.0), torch.full((4, 3), 1e-6)),
    ]:
        times, weight = times.clone().requires_grad_(), weight.clone().requires_grad_()
        out = spike_times(times, Synapses(weight, None), neuron(kind), solver)
        out.masked_fill(out.isinf(), 0).sum().backward()
        if (
            kind == "if_delta"
        ):  # forced to fire when all is over, which reaches the weights of inputs that did arrive
            assert (
                (out == 256).all()
                and times.grad.isfinite().all()
                and not weight.grad[:, (times >= 256).all(0)].any()
            )
        else:
            assert (out == NEVER).all() and not times.grad.any() and not weight.grad.any()


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["scan", "grid", "events"])
@pytest.mark.parametrize("kind", [*KERNELS, "if_delta"])
def test_extreme_weights_and_times_give_numbers(kind, solver):
    if solver == "events" and events.events.library() is None:
        pytest.skip("the kernel was not compiled")
    draws = torch.Generator().manual_seed(5)
    for scale in (1e-20, 1e-3, 1.0, 1e3, 1e15):
        times = (
            torch.rand(6, 12, generator=draws)
            * torch.tensor([0.0, 1e-3, 1.0, 1e2])[torch.arange(12) % 4]
        )
        times[:, ::5] = NEVER
        times.requires_grad_()
        weight = (torch.randn(20, 12, generator=draws) * scale).requires_grad_()
        out = spike_times(times, Synapses(weight, None), neuron(kind), solver, slope_limit=1e3)
        out.masked_fill(out.isinf(), 0).sum().backward()
        assert (
            not out.isnan().any() and times.grad.isfinite().all() and weight.grad.isfinite().all()
        )
        assert kind == "if_delta" or (out[out.isfinite()] < neuron(kind).horizon).all()


def test_the_slope_has_a_limit():
    free, limited = (spike_gradient(limit) for limit in (None, 2.0))
    assert free == pytest.approx([-70 / 8, -60 / 8, -50 / 8]) and limited == pytest.approx(
        [2 / 10 * each for each in free]
    )


def spike_gradient(limit: float | None) -> list[float]:
    weight = torch.tensor([[0.8, 0.9, -0.6]], dtype=DOUBLE, requires_grad=True)
    times = torch.tensor([LOG[:3]], dtype=DOUBLE)
    spike_times(times, Synapses(weight, None), neuron("if_exp"), "scan", limit).sum().backward()
    return weight.grad[0].tolist()  # dt/du is 1 / (sum of weights - threshold) = 10


def test_gradients_brought_to_one_length():
    times = torch.tensor([[0.0, 0.2], [0.1, 0.3], [NEVER, NEVER]], dtype=DOUBLE)
    weight = torch.tensor([[2.0, 1.0], [3.0, 1.0]], dtype=DOUBLE, requires_grad=True)
    out = spike_times(times, Synapses(weight, None), neuron("if_linear"), "scan", None, True)
    grads = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1.0, 1.0]], dtype=DOUBLE)
    (by_weight,) = torch.autograd.grad(out.masked_fill(out.isinf(), 0), weight, grads)
    plain = spike_times(times, Synapses(weight, None), neuron("if_linear"), "scan")
    (expected,) = torch.autograd.grad(
        plain.masked_fill(plain.isinf(), 0),
        weight,
        torch.tensor([[0.2, 4 / 15], [0, 0], [0, 0]], dtype=DOUBLE),
    )
    torch.testing.assert_close(by_weight, expected)
