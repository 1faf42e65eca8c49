"""What every loss keeps to, and hand-computed values of each."""

import math

import pytest
import torch

from snnexp.losses.reading import Reading
from tests.support.networks import reading
from tests.support.options import build_option, options

LOSSES = options("loss")
OF_TRAINS = [name for name in LOSSES if build_option("loss", name).every_timestep]
OF_THE_END = [name for name in LOSSES if name not in OF_TRAINS]
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


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_down_the_gradient_lowers_it(name):
    loss, logits = build_option("loss", name), scores().requires_grad_()
    value = loss(reading(logits), LABELS)
    value.backward()
    assert loss(reading(logits - 0.1 * logits.grad), LABELS) < value


@pytest.mark.parametrize("name", LOSSES)
def test_the_label_is_the_target(name):
    loss, logits = build_option("loss", name), torch.eye(3)[LABELS][None]
    assert loss(reading(logits), LABELS) < loss(reading(logits), (LABELS + 1) % 3)


@pytest.mark.parametrize("name", LOSSES)
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
