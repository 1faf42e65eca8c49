"""Encoder and losses of spike times by hand."""

import math

import pytest
import torch

from snnexp.noise import sample_keys
from tests.support.networks import reading
from tests.support.options import build_option


def encode(pixels: list[float], **changes) -> list[float]:
    return (
        build_option("encoder", "spike_time", changes)
        .times(torch.tensor(pixels).view(1, 1, 1, -1))
        .flatten()
        .tolist()
    )


def test_times_by_hand():
    assert encode([0.0, 0.5, 1.0]) == pytest.approx([3.0, 1.5, 0.0])
    assert encode([0.0, 0.5, 1.0], bright_first=False) == pytest.approx([0.0, 1.5, 3.0])
    assert encode([0.4, 0.6], binarize=0.5, latest=math.log(6)) == pytest.approx([math.log(6), 0.0])
    assert encode([0.0, 1.0], earliest=0.15, latest=2.0) == pytest.approx([2.0, 0.15])
    assert encode([0.0, 0.1], silent=0.0) == pytest.approx([math.inf, 2.7])


def test_pixels_of_s4nn():
    pixels = torch.arange(256)
    found = encode((pixels / 255).tolist(), latest=256.0, grid=1.0, silent=0.0)
    expected = ((255 - pixels) * 256 // 255).tolist()
    assert found[1:] == expected[1:] and found[0] == math.inf and expected[0] == 256


def test_whitened_images():
    x = torch.rand(3, 3, 4, 4)
    t = build_option("encoder", "spike_time", {"whiten": True, "bright_first": False}).times(x)
    assert t.mean((1, 2, 3)).abs().max() < 1e-5 and t.std((1, 2, 3)).tolist() == pytest.approx(
        [3.0] * 3
    )


def test_jitter_in_training_belongs_to_the_sample():
    encoder, x, keys = (
        build_option("encoder", "spike_time", {"jitter": 0.3}),
        torch.rand(400, 1, 4, 4),
        sample_keys(1, 0, torch.arange(400)),
    )
    noisy = encoder.times(x, keys)
    assert torch.equal(noisy[5:7], encoder.times(x[5:7], keys[5:7])) and noisy.min() >= 0
    assert (noisy - encoder.times(x))[noisy > 1].std().item() == pytest.approx(0.3, abs=0.02)


def test_spikes_in_discrete_time_lie_where_the_times_are():
    encoder = build_option("encoder", "spike_time", {"step": 0.5})
    spikes = encoder(
        torch.tensor([0.0, 0.45, 1.0]).view(1, 1, 1, 3), range(8), torch.zeros(1, dtype=torch.long)
    )
    assert spikes.flatten(1).argmax(0).tolist() == [6, 4, 0] and spikes.sum() == 3


def loss(name: str, times: list[list[float]], labels: list[int], **changes) -> float:
    return build_option("loss", name, changes)(
        reading(-torch.tensor([times], dtype=torch.float64)), torch.tensor(labels)
    ).item()


def test_cross_entropies_by_hand():
    softmax = math.exp(-1) / (math.exp(-1) + math.exp(-2))
    assert loss("spike_time", [[1.0, 2.0]], [0]) == pytest.approx(-math.log(softmax))
    assert loss("spike_time", [[0.2, 0.4]], [0], scale=0.2) == pytest.approx(-math.log(softmax))
    assert loss("spike_time", [[0.0, math.log(2)]], [0], domain="exponential") == pytest.approx(
        -math.log(softmax)
    )
    early = loss("spike_time", [[1.0, 2.0]], [0], early_weight=0.5, early_scale=2.0)
    assert early == pytest.approx(-math.log(softmax) + 0.5 * (math.exp(0.5) - 1))
    spread = loss("spike_time", [[1.0, 2.0]], [0], spread_weight=0.1, spread_time=3.0)
    assert spread == pytest.approx(-math.log(softmax) + 0.1 * 5)


def test_good_enough_samples_give_no_gradient():
    scores = -torch.tensor([[[1.0, 5.0], [2.0, 1.9]]])
    scores.requires_grad_()
    build_option("loss", "spike_time", {"margin": 0.5})(
        reading(scores), torch.tensor([0, 0])
    ).backward()
    assert not scores.grad[0, 0].any() and scores.grad[0, 1].all()


@pytest.mark.parametrize(
    ("times", "target"),
    [
        (
            [10.0, 12.0, 20.0],
            [10.0, 13.0, 20.0],
        ),  # the label is first, one other too close behind it
        ([12.0, 10.0, 20.0], [10.0, 13.0, 20.0]),
        ([256.0, 255.0, 254.0], [254.0, 256.0, 256.0]),
        ([256.0, 256.0, 256.0], [253.0, 256.0, 256.0]),  # silence
    ],
)
def test_relative_targets_of_s4nn(times, target):
    rule = build_option("loss", "relative_time")
    found = rule.target(torch.tensor([times]), torch.tensor([0]))
    assert found[0].tolist() == target
    expected = sum((t - g) ** 2 for t, g in zip(times, target, strict=True)) / 256**2 / 2
    assert loss("relative_time", [times], [0]) == pytest.approx(expected)


def test_time_error_by_hand():
    assert loss("time_error", [[1.5, 1.0]], [0], early=1.0, late=2.0) == pytest.approx(
        (0.25 + 1.0) / 2
    )
