"""What every loss keeps to, and hand-computed values of each."""

import math

import pytest
import torch
from torch.nn import functional

from snnexp.cell import Over
from snnexp.losses.reading import Reading
from tests.support.networks import reading
from tests.support.options import build_option, options

LOSSES = options("loss")
OF_TRAINS = [name for name in LOSSES if build_option("loss", name).every_timestep]
OF_CHANCES = [name for name in LOSSES if build_option("loss", name).of_chances]
OF_THE_END = [name for name in LOSSES if name not in (*OF_TRAINS, *OF_CHANCES)]
LABELS = torch.tensor([2, 0, 1, 1])


def scores(steps: int = 5, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(
        steps, 4, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64
    ).to(dtype)


@pytest.mark.parametrize("name", OF_THE_END)
def test_a_scalar_of_the_last_step_alone(name):
    loss, logits = build_option("loss", name), scores().requires_grad_()
    value = loss(reading(logits), LABELS)
    value.backward()
    assert value.shape == () and torch.equal(value, loss(reading(logits[-1:]), LABELS))
    assert not logits.grad[:-1].any()
    # A target around the first spike is met by a label that is first.
    assert logits.grad[-1].any() if name == "relative_time" else logits.grad[-1].all()


@pytest.mark.parametrize("name", OF_TRAINS)
def test_a_scalar_of_every_step(name):
    loss, logits = build_option("loss", name), scores().requires_grad_()
    value = loss(reading(logits), LABELS)
    value.backward()
    assert value.shape == () and logits.grad.all()


@pytest.mark.parametrize("name", [*OF_THE_END, *OF_TRAINS])
def test_a_step_down_the_gradient_lowers_it(name):
    loss, logits = build_option("loss", name), scores().requires_grad_()
    value = loss(reading(logits), LABELS)
    value.backward()
    assert loss(reading(logits - 0.1 * logits.grad), LABELS) < value


@pytest.mark.parametrize("name", [*OF_THE_END, *OF_TRAINS])
def test_the_label_is_the_target(name):
    loss, logits = build_option("loss", name), torch.eye(3)[LABELS][None]
    assert loss(reading(logits), LABELS) < loss(reading(logits), (LABELS + 1) % 3)


@pytest.mark.parametrize("name", [*OF_THE_END, *OF_TRAINS])
def test_half_precision_is_raised_first(name):
    loss, logits = build_option("loss", name), scores(dtype=torch.bfloat16)
    value = loss(reading(logits), LABELS)
    assert value.dtype == torch.float32 and torch.equal(
        value, loss(reading(logits.float()), LABELS)
    )
    assert loss(reading(scores()), LABELS).dtype == torch.float64


def test_cross_entropy_by_hand():
    logits = torch.tensor(
        [[[9.0, 9.0]], [[0.0, math.log(3)]]], dtype=torch.float64
    )  # softmax of the last: 1/4, 3/4
    label = torch.tensor([1])
    assert build_option("loss", "cross_entropy", {"label_smoothing": 0.0})(
        reading(logits), label
    ).item() == pytest.approx(math.log(4 / 3))
    smooth = build_option("loss", "cross_entropy", {"label_smoothing": 0.2})(
        reading(logits), label
    ).item()
    assert smooth == pytest.approx(0.9 * math.log(4 / 3) + 0.1 * math.log(4))


def test_squared_error_by_hand():
    rates = torch.tensor([[[9.0, 9.0, 9.0], [9.0, 9.0, 9.0]], [[0.5, 0.25, 1.0], [1.0, 0.0, 0.0]]])
    labels = torch.tensor([1, 0])  # squares of the first sample: 1/4, 9/16, 1; of the second: 0
    assert build_option("loss", "mse", {"reduction": "mean"})(
        reading(rates), labels
    ).item() == pytest.approx(1.8125 / 6)
    assert build_option("loss", "mse", {"reduction": "half_sum"})(
        reading(rates), labels
    ).item() == pytest.approx(1.8125 / 4)


def test_half_sum_is_equation_8_of_the_survey():
    spikes = (scores(steps=7) > 0).double()
    expected = 0.0
    for s in range(4):
        for c in range(3):
            rate = sum(spikes[t, s, c].item() for t in range(7)) / 7
            expected += ((1.0 if LABELS[s] == c else 0.0) - rate) ** 2 / (2 * 4)
    value = build_option("loss", "mse", {"reduction": "half_sum"})(
        reading(spikes.mean(0, keepdim=True)), LABELS
    )
    assert value.item() == pytest.approx(expected, rel=1e-12)


def test_temporal_is_the_mean_over_timesteps_by_hand():
    settings = {"regularization": 0.25, "target": 0.5, "label_smoothing": 0.0}
    loss, currents = build_option("loss", "temporal", settings), scores(steps=3)
    told = drawn = 0.0
    for t in range(3):
        for s in range(4):
            values = [value.item() for value in currents[t, s]]
            told -= math.log(math.exp(values[LABELS[s]]) / sum(map(math.exp, values))) / (3 * 4)
            drawn += sum((value - 0.5) ** 2 for value in values) / (3 * 4 * 3)
    given = Reading(scores=torch.zeros(3, 4, 3), drive=currents)
    assert loss(given, LABELS).item() == pytest.approx(0.75 * told + 0.25 * drawn, rel=1e-12)


def test_temporal_trains_every_timestep():
    currents = scores().requires_grad_()
    build_option("loss", "temporal")(reading(currents), LABELS).backward()
    assert currents.grad.all()


def test_temporal_of_one_timestep_is_cross_entropy():
    settings = {"regularization": 0.0, "label_smoothing": 0.2}
    temporal = build_option("loss", "temporal", settings)
    other = build_option("loss", "cross_entropy", {"label_smoothing": 0.2})
    given = reading(scores(steps=1))
    torch.testing.assert_close(temporal(given, LABELS), other(given, LABELS))


def filtered(train: list[float], time_constant: float, times: int) -> list[float]:
    """A train behind so many exponential filters, step by step."""
    for _ in range(times):
        state, behind = 0.0, []
        for x in train:
            state += (x - state) / time_constant
            behind.append(state)
        train = behind
    return train


@pytest.mark.parametrize("steps", [1, 2, 5, 12])
@pytest.mark.parametrize(("outputs", "target"), [(1, 1), (1, 2), (0, 0), (2, 0)])
def test_distance_of_spike_trains_is_that_of_their_filtered_forms(steps, outputs, target):
    pattern = [0, 1, 1]
    spikes = (scores(steps) > 0).double()
    expected = 0.0
    for sample in range(4):
        for neuron in range(3):
            wanted = [
                float((pattern * steps)[t] * (LABELS[sample] == neuron)) for t in range(steps)
            ]
            pair = (
                filtered(spikes[:, sample, neuron].tolist(), 3.0, outputs),
                filtered(wanted, 3.0, target),
            )
            expected += sum((a - b) ** 2 for a, b in zip(*pair, strict=True)) / 2
    changes = {"pattern": pattern, "time_constant": 3.0}
    changes |= {"filters_outputs": outputs, "filters_target": target}
    value = build_option("loss", "spike_train", changes)(reading(spikes), LABELS)
    assert value.item() == pytest.approx(expected / 4, rel=1e-12, abs=1e-15)


def test_spike_trains_of_several_neurons_per_class_lie_side_by_side():
    loss = build_option("loss", "spike_train", {"filters_outputs": 0, "filters_target": 0})
    trains = torch.tensor([[[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]])
    labels = torch.tensor([0, 1])
    assert loss(Reading(trains[..., ::2], trains), labels).item() == pytest.approx(1 / 4)


@pytest.mark.parametrize("margin", [0.0, 1.0])
@pytest.mark.parametrize("steps", [1, 5, 12])
def test_distance_of_spike_counts_by_hand(steps, margin):
    spikes = (scores(steps) > 0).double().requires_grad_()
    given = {"label": 4, "others": 1, "margin": margin}
    value = build_option("loss", "spike_count", given)(reading(spikes), LABELS)
    value.backward()
    expected = 0.0
    for sample, label in enumerate(LABELS.tolist()):
        for neuron in range(3):
            count = sum(spikes[:, sample, neuron].tolist())
            missed = count - (4 if neuron == label else 1)
            missed = missed if abs(missed) > margin else 0.0
            expected += missed**2 / (2 * 4 * steps)
            gradient = spikes.grad[:, sample, neuron].tolist()
            assert gradient == pytest.approx([missed / (4 * steps)] * steps, rel=1e-12)
    assert value.item() == pytest.approx(expected, rel=1e-12)


# Classes dropped by chance


def stochastic(**changes):
    return build_option("loss", "stochastic_softmax", changes)


def currents(steps: int = 5) -> Reading:
    """Two currents for each of three classes, and the scores that the readout has of them."""
    draws = torch.Generator().manual_seed(4)
    drive = torch.randn(steps, 4, 6, generator=draws, dtype=torch.float64)
    readout = build_option("readout", "stochastic_softmax", {"floor": 1e-3})
    return Reading(Over(readout)(drive), drive)


def test_an_evaluation_takes_chances_for_draws():
    reading = currents()
    with torch.no_grad():
        value = stochastic()(reading, LABELS)
    assert value == functional.cross_entropy(reading.answer, LABELS)


def test_a_draw_keeps_the_label_and_others_by_their_chance(monkeypatch):
    uniform = torch.tensor([[0.9, 0.5, 0.2]] * 4, dtype=torch.float64)
    monkeypatch.setattr(torch, "rand_like", lambda tensor: uniform)
    reading = currents()
    expected = 0.0
    for s, label in enumerate(LABELS.tolist()):
        mean = [sum(reading.drive[t, s, c].item() for t in range(5)) / 5 for c in range(6)]
        weighed = []
        for c in range(3):
            u = uniform[s, c].item()
            drawn = (mean[3 + c] + math.log(u / (1 - u))) / 0.5
            z = 1.0 if c == label else 1 / (1 + math.exp(-drawn))
            weighed.append((z + 1e-3) * math.exp(mean[c]))
        expected -= math.log(weighed[label] / sum(weighed)) / 4
        expected += 0.3 * math.log(1 + math.exp(-mean[3 + label])) / 4
    loss = stochastic(floor=1e-3, temperature=0.5, retention=0.3)
    assert loss(reading, LABELS).item() == pytest.approx(expected, rel=1e-12)


def test_draws_are_those_of_the_chances():
    r = torch.full((20000, 3), math.log(3), dtype=torch.float64)  # chances of 3/4
    drawn = stochastic(temperature=0.01)._drawn(r)
    assert (drawn > 0.5).double().mean().item() == pytest.approx(0.75, abs=0.01)
    assert ((drawn < 0.01) | (drawn > 0.99)).double().mean() > 0.95


def test_retention_teaches_the_chance_of_the_label():
    reading = currents()
    drive = reading.drive.clone().requires_grad_()
    stochastic(retention=100.0)(Reading(reading.scores, drive), LABELS).backward()
    own = drive.grad[0, torch.arange(4), 3 + LABELS]
    assert (own < 0).all() and drive.grad.isfinite().all()
    assert torch.equal(drive.grad, drive.grad[:1].expand(5, -1, -1))
