"""Every neuron against the contract, and the integrate-and-fire family against tables worked out by
hand.
"""

import inspect
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snnexp.cell import Cell, Over, streaming
from snnexp.configuration.build import locate
from snnexp.surrogates.base import Surrogate
from snnexp.training.parameters import parameter_groups
from tests.support.options import build_option, options, settings

FAMILY = ["if", "lif", "plif"]


def neuron(name: str, surrogate: str = "triangle", **changes: Any) -> Cell:
    needs_surrogate = (
        "surrogate" in inspect.signature(locate(settings("neuron", name)["_target_"])).parameters
    )
    provided = {"surrogate": build_option("surrogate", surrogate)} if needs_surrogate else {}
    lengths = {  # the first window of one is over soon, the numbers of the other last
        "constant_slope": {"step": 0.25},
        "glif": {"timesteps": 20},
    }
    return build_option("neuron", name, {**lengths.get(name, {}), **changes}, **provided)


def drive(dtype: torch.dtype = torch.float32, steps: int = 8) -> Tensor:
    return (2 * torch.rand(steps, 2, 5, generator=torch.Generator().manual_seed(2)) - 0.25).to(
        dtype
    )


def by_steps(cell: Cell, x: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes and potentials of the cell itself, the definition that `Over` may leave to a fused
    scan.
    """
    state, spikes, potentials = cell.initial(x[0]), [], []
    for x_t in x:
        s, state = cell.step(x_t, state)
        spikes.append(s)
        potentials.append(state)
    return torch.stack(spikes), torch.stack(potentials)


def trace(cell: Cell, current: list[float]) -> tuple[list[float], list[float]]:
    """Spikes and potentials after the reset, of one neuron."""
    spikes, potentials = by_steps(cell, torch.tensor(current, dtype=torch.float64).view(-1, 1, 1))
    return spikes.flatten().tolist(), potentials.flatten().tolist()


@pytest.mark.slow
@pytest.mark.parametrize("name", options("neuron"))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_shape_and_dtype(name, dtype):
    s = Over(neuron(name))(drive(dtype, steps=20))  # codes in windows answer in the second
    assert (
        s.shape == (20, 2, 5) and s.dtype == dtype and s.isfinite().all() and s.count_nonzero() > 0
    )


@pytest.mark.parametrize(
    "name", [name for name in options("neuron") if name != "fitted_few_spikes"]
)  # whose spikes add up to f(0)
def test_no_drive_no_spike(name):
    assert Over(neuron(name))(torch.zeros(20, 2, 5)).count_nonzero() == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", options("neuron"))
def test_chunks_give_what_the_whole_gives(name):
    loop, x = Over(neuron(name)), drive(steps=20)
    with streaming(loop):
        chunks = torch.cat([loop(x[:1]), loop(x[1:4]), loop(x[4:11]), loop(x[11:])])
    assert torch.equal(chunks, loop(x))


@pytest.mark.slow
@pytest.mark.parametrize("name", options("neuron"))
def test_nothing_is_kept_between_calls(name):
    loop, x = Over(neuron(name)), drive(steps=20)
    assert torch.equal(loop(x), loop(x))


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("detach_reset", [True, False])
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_gradients_reach_the_drive_and_what_is_learned(name, reset, detach_reset):
    cell, x = (
        neuron(name, "arctan", reset=reset, detach_reset=detach_reset),
        drive().requires_grad_(),
    )
    by_steps(cell, x)[0].square().sum().backward()
    gradients = [x.grad, *(parameter.grad for parameter in cell.parameters())]
    assert all(gradient.isfinite().all() and gradient.count_nonzero() > 0 for gradient in gradients)
    assert len(gradients) == (2 if name == "plif" else 1)


# Neurons of threshold 1 under a constant current: spikes, and potentials after the reset.
TABLE = [
    ("if", {"reset": "soft"}, 0.75, [0, 1, 1, 1], [0.75, 0.5, 0.25, 0]),
    ("if", {"reset": "hard"}, 0.75, [0, 1, 0, 1], [0.75, 0, 0.75, 0]),
    ("if", {"reset": "soft", "initial_potential": 0.5}, 0.75, [1, 1, 0, 1], [0.25, 0, 0.75, 0.5]),
    ("if", {"reset": "hard", "initial_potential": 0.5}, 0.75, [1, 0, 1, 0], [0, 0.75, 0, 0.75]),
    ("lif", {"reset": "hard"}, 0.75, [0, 1, 0, 1], [0.75, 0, 0.75, 0]),
    ("lif", {"reset": "soft"}, 0.75, [0, 1, 0, 1], [0.75, 0.125, 0.8125, 0.15625]),
    (
        "lif",
        {"reset": "soft", "initial_potential": 0.5},
        0.75,
        [1, 0, 1, 0],
        [0, 0.75, 0.125, 0.8125],
    ),
    (
        "lif",
        {"reset": "hard", "leak_gradient": "straight_through"},
        0.75,
        [0, 1, 0, 1],
        [0.75, 0, 0.75, 0],
    ),
    (
        "lif",
        {"reset": "soft", "leak_gradient": "straight_through"},
        0.75,
        [0, 1, 0, 1],
        [0.75, 0.125, 0.8125, 0.15625],
    ),
    (
        "lif",
        {"reset": "hard", "input_gain": "complement"},
        1.75,
        [0, 1, 0, 1],
        [0.875, 0, 0.875, 0],
    ),
    (
        "lif",
        {"reset": "soft", "input_gain": "complement"},
        1.75,
        [0, 1, 1, 0],
        [0.875, 0.3125, 0.03125, 0.890625],
    ),
    ("lif", {"leak": 0.75, "input_gain": "complement"}, 2.0, [0, 0, 1, 0], [0.5, 0.875, 0, 0.5]),
    ("lif", {"leak": 0.0}, 0.875, [0, 0, 0, 0], [0.875, 0.875, 0.875, 0.875]),
    ("lif", {"leak": 1.0, "reset": "soft"}, 0.75, [0, 1, 1, 1], [0.75, 0.5, 0.25, 0]),
    ("if", {"reset": "soft", "order": "fire_before"}, 0.75, [0, 0, 1, 1], [0.75, 1.5, 1.25, 1.0]),
    ("if", {"reset": "hard", "order": "fire_before"}, 0.75, [0, 0, 1, 0], [0.75, 1.5, 0.75, 1.5]),
    (
        "if",
        {"reset": "soft", "order": "fire_before", "initial_potential": 1.0},
        0.75,
        [1, 0, 1, 1],
        [0.75, 1.5, 1.25, 1.0],
    ),
    ("lif", {"reset": "soft", "order": "fire_before"}, 1.0, [0, 1, 0, 1], [1.0, 0.5, 1.25, 0.625]),
    ("lif", {"reset": "hard", "order": "fire_before"}, 1.0, [0, 1, 1, 1], [1.0, 1.0, 1.0, 1.0]),
    (
        "lif",
        {"reset": "hard", "order": "fire_before", "leak_gradient": "straight_through"},
        1.0,
        [0, 1, 1, 1],
        [1.0, 1.0, 1.0, 1.0],
    ),
    (
        "lif",
        {"reset": "soft", "order": "fire_before", "input_gain": "complement"},
        2.0,
        [0, 1, 0, 1],
        [1.0, 0.5, 1.25, 0.625],
    ),
    ("plif", {"reset": "hard"}, 1.75, [0, 1, 0, 1], [0.875, 0, 0.875, 0]),
    ("plif", {"reset": "soft"}, 1.75, [0, 1, 1, 0], [0.875, 0.3125, 0.03125, 0.890625]),
    ("plif", {"reset": "hard", "time_constant": 4.0}, 2.0, [0, 0, 1, 0], [0.5, 0.875, 0, 0.5]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "changes", "current", "spikes", "potentials"), TABLE)
def test_spikes_and_potentials_by_hand(name, changes, current, spikes, potentials):
    found_spikes, found_potentials = trace(neuron(name, **changes), [current] * 4)
    assert found_spikes == spikes
    assert found_potentials == pytest.approx(potentials, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "changes", "current", "spikes", "potentials"), TABLE)
@pytest.mark.parametrize("amplitude", ["unit", "threshold"])
def test_potentials_scale_with_the_threshold(name, changes, current, spikes, potentials, amplitude):
    found_spikes, found_potentials = trace(
        neuron(name, threshold=4.0, amplitude=amplitude, **changes), [4 * current] * 4
    )
    height = 4.0 if amplitude == "threshold" else 1.0
    assert found_spikes == [height * spike for spike in spikes]
    assert found_potentials == pytest.approx([4 * potential for potential in potentials], abs=1e-5)


@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize(("amplitude", "height"), [("unit", 1.0), ("threshold", 0.5)])
def test_spikes_have_one_height(name, amplitude, height):
    s = Over(neuron(name, amplitude=amplitude, threshold=0.5))(drive())
    assert s.unique().tolist() == [0.0, height]


@pytest.mark.parametrize("name", FAMILY)
def test_fires_at_the_threshold_itself(name):
    current = 2.0 if name == "plif" else 1.0
    assert trace(neuron(name), [current])[0] == [1]
    assert trace(neuron(name), [current - 1e-9])[0] == [0]


# Gradient of the second spike by the first input, triangle of scale 0.3 and width 1, threshold 1:
# with u1 the first potential before the reset, g1 and g2 the slopes, it is g2 leak gain dv1/du1,
# dv1/du1 = 1 - g1 (soft), 1 - s1 - u1 g1 (hard), without g1 where detached.
G1, G2_SOFT, G2_HARD = 0.3 * 0.75, 0.3 * 0.75, 0.3 * 0.5
GRADIENTS = [
    ("if", "soft", True, [1.25, 0.5], G2_SOFT),
    ("if", "soft", False, [1.25, 0.5], G2_SOFT * (1 - G1)),
    ("if", "hard", True, [1.25, 0.5], 0.0),
    ("if", "hard", False, [1.25, 0.5], G2_HARD * (-1.25 * G1)),
    ("lif", "soft", True, [1.25, 0.625], 0.5 * G2_SOFT),
    ("lif", "soft", False, [1.25, 0.625], 0.5 * G2_SOFT * (1 - G1)),
    ("lif", "hard", True, [1.25, 0.5], 0.0),
    ("lif", "hard", False, [1.25, 0.5], 0.5 * G2_HARD * (-1.25 * G1)),
    ("plif", "soft", True, [2.5, 1.25], 0.25 * G2_SOFT),
    ("plif", "soft", False, [2.5, 1.25], 0.25 * G2_SOFT * (1 - G1)),
    ("plif", "hard", False, [2.5, 1.0], 0.25 * G2_HARD * (-1.25 * G1)),
]


def first_gradient(cell: Cell, current: list[float]) -> float:
    x = torch.tensor(current, dtype=torch.float64).view(-1, 1, 1).requires_grad_()
    by_steps(cell, x)[0][-1].sum().backward()
    return x.grad[0].item()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "reset", "detach_reset", "current", "expected"), GRADIENTS)
def test_gradient_through_the_reset(name, reset, detach_reset, current, expected):
    assert first_gradient(
        neuron(name, reset=reset, detach_reset=detach_reset), current
    ) == pytest.approx(expected, rel=1e-6)


# Leak 1/4, no first spike, second potential 0.75: slope 0.225 times the gain of the first input
# times the leak, or times 1.
LEAKS = [
    ("exact", "one", [0.5, 0.625], 0.225 * 0.25),
    ("straight_through", "one", [0.5, 0.625], 0.225),
    ("exact", "complement", [1.0, 0.75], 0.225 * 0.75 * 0.25),
    ("straight_through", "complement", [1.0, 0.75], 0.225 * 0.75),
]


@pytest.mark.parametrize(("leak_gradient", "input_gain", "current", "expected"), LEAKS)
def test_gradient_through_the_leak(leak_gradient, input_gain, current, expected):
    cell = neuron("lif", leak=0.25, leak_gradient=leak_gradient, input_gain=input_gain)
    assert first_gradient(cell, current) == pytest.approx(expected)


def test_gradient_of_the_time_constant():
    cell = neuron("plif")  # k = 1/2: potentials 0.75 and 0.5 * 0.75 + 0.5 * 0.75
    by_steps(cell, torch.tensor([1.5, 0.75]).view(2, 1, 1))[0].sum().backward()
    slope = 0.3 * 0.75  # both potentials are 0.25 away from the threshold
    first = 1.5  # du1/dk = x1
    second = -0.75 + 0.5 * first + 0.75  # du2/dk = x2 - v1 + (1 - k) du1/dk
    assert cell.w.grad.item() == pytest.approx(slope * (first + second) * 0.25)  # dk/dw = k (1 - k)


def test_time_constant():
    assert neuron("plif", time_constant=5.0).time_constant.item() == pytest.approx(5.0)
    assert neuron("plif", time_constant=5.0).w.item() == pytest.approx(-math.log(4))


@pytest.mark.slow
def test_straight_through_leak_changes_no_spike():
    exact, straight = (
        neuron("lif", leak=0.99, leak_gradient=each, reset="soft")
        for each in ("exact", "straight_through")
    )
    assert all(
        torch.equal(one, other)
        for one, other in zip(by_steps(exact, drive()), by_steps(straight, drive()), strict=True)
    )


@pytest.mark.parametrize("name", FAMILY)
def test_half_precision_input_is_integrated_in_float32(name):
    rounds = {
        "lif": {"leak": 0.3, "input_gain": "complement"},
        "plif": {"time_constant": 3.0},
    }  # products bfloat16 cannot hold
    cell, x = neuron(name, **rounds.get(name, {})), drive(torch.bfloat16)
    s, state = cell.step(x[0], cell.initial(x[0]))
    single, expected = cell.step(x[0].float(), cell.initial(x[0].float()))
    assert (
        state.dtype == torch.float32
        and torch.equal(state, expected)
        and torch.equal(s.float(), single)
    )
    assert torch.equal(Over(cell)(x), Over(cell)(x.float()).bfloat16())


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_float64_follows_float32(name, reset):
    cell, x = neuron(name, reset=reset, detach_reset=False), drive()
    _, state = cell.step(x[0].double(), cell.initial(x[0].double()))
    assert state.dtype == torch.float64
    single, double = x.clone().requires_grad_(), x.double().requires_grad_()
    for each in (single, double):
        by_steps(cell, each)[0].square().sum().backward()
    assert torch.equal(by_steps(cell, x)[0].double(), by_steps(cell, x.double())[0])
    torch.testing.assert_close(single.grad.double(), double.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", FAMILY)
def test_state_dict_round_trip(name):
    one, other = neuron(name), neuron(name, threshold=3.0)
    one.set_threshold(0.4, 0.5)
    for parameter in one.parameters():
        nn.init.constant_(parameter, 0.7)
    assert not torch.equal(Over(one)(drive()), Over(other)(drive()))
    other.load_state_dict(one.state_dict(), strict=True)
    assert torch.equal(Over(one)(drive()), Over(other)(drive()))


@pytest.mark.parametrize("value", [2.5, torch.tensor(2.5, requires_grad=True)])
def test_set_threshold_moves_the_initial_potential_along(value):
    firing = neuron("if", threshold=3.0, initial_potential=0.5).firing
    before = firing.threshold
    assert firing.initial_potential == 1.5
    firing.set_threshold(value, 0.4)
    assert (
        firing.threshold is before and firing.threshold == 2.5 and firing.initial_potential == 1.0
    )
    assert not firing.threshold.requires_grad
    assert firing.at_rest(torch.zeros(1, 2)).tolist() == [[1.0, 1.0]]


@pytest.mark.slow
def test_what_a_fused_scan_needs():
    found = neuron(
        "lif",
        "gaussian",
        leak=0.25,
        input_gain="complement",
        leak_gradient="straight_through",
        threshold=2.0,
    ).scan_parameters()
    assert (found.leak, found.gain, found.threshold.item(), found.leak_gradient) == (
        0.25,
        0.75,
        2.0,
        "straight_through",
    )
    assert (found.reset, found.detach_reset, found.amplitude) == ("hard", True, "unit")
    assert (found.surrogate, found.scale, found.width) == ("gaussian", 1.0, 0.4)
    assert (neuron("if").scan_parameters().leak, neuron("if").scan_parameters().gain) == (1.0, 1.0)


def test_a_fused_scan_learns_the_time_constant():
    cell = neuron("plif", time_constant=4.0)
    found = cell.scan_parameters()
    assert (found.leak.item(), found.gain.item()) == pytest.approx((0.75, 0.25))
    (found.gain - found.leak).backward()
    assert cell.w.grad.item() == pytest.approx(2 * 0.25 * 0.75)


@pytest.mark.parametrize("name", ["if", "lif"])
def test_no_fused_scan_fires_before_it_charges(name):
    assert (
        neuron(name, order="fire_before").scan_parameters() is None
        and neuron(name).scan_parameters() is not None
    )


@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("name", ["if", "lif"])
def test_fire_before_sends_the_potential_of_the_step_before(name, reset):
    before, x = (
        neuron(name, order="fire_before", reset=reset, detach_reset=False),
        drive().requires_grad_(),
    )
    spikes, potentials = by_steps(before, x)
    assert torch.equal(spikes[1:], (potentials[:-1] >= 1).float()) and not spikes[0].any()
    spikes[3].sum().backward()
    assert x.grad[2].any() and not x.grad[3:].any()


@pytest.mark.parametrize("name", FAMILY)
def test_no_fused_scan_for_a_surrogate_of_ones_own(name):
    class Half(Surrogate):
        def slope(self, z: Tensor) -> Tensor:
            return torch.full_like(z, 0.5)

    assert build_option("neuron", name, {}, surrogate=Half()).scan_parameters() is None


def test_weight_decay_spares_the_time_constant():
    cell = neuron("plif", time_constant=4.0)
    groups = parameter_groups(nn.Sequential(nn.Linear(2, 2), Over(cell)))
    assert [len(group["params"]) for group in groups] == [2, 1]
    assert groups[1]["params"][0] is cell.w and groups[1]["weight_decay"] == 0.0
