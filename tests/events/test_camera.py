"""The simulated camera against a slow one that is written down pixel by pixel."""

import math
from inspect import signature

import numpy as np
import pytest
import torch

from snnexp.datasets import digits, digits_dvs
from snnexp.events.camera import Camera
from tests.support.options import build_option, settings

SETTINGS = {
    key: value
    for key, value in settings("dataset", "digits_dvs")["source"]["camera"].items()
    if key != "_target_"
}
QUIET = {**SETTINGS, "noise": 0.0}
COUNTS = [1171, 935, 1068, 1033, 937, 1033, 942, 1040, 1102, 1137, 1123, 912]
SUMS = [
    *(246707, 859822, 140649, 975541, 496227, 859397),
    *(188876, 145045, 887943, 691635, 352518, 263022),
]
TABLE = digits.table()
IMAGES = TABLE[:12, :-1].reshape(-1, 8, 8) / 16


def recorded(images=IMAGES, first=0, seed=0, **changes):
    numbers = torch.arange(first, first + len(images))
    return Camera(**{**SETTINGS, **changes}).record(images, numbers, seed)


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_every_constant_is_a_setting():
    assert set(SETTINGS) == set(signature(Camera).parameters)


def test_a_recording_depends_on_its_image_its_number_and_the_seed_alone():
    whole = recorded()
    assert all(
        same(whole[number], recorded(IMAGES[number : number + 1], first=number)[0])
        for number in (0, 5, 11)
    )
    assert not same(whole[5], recorded(IMAGES[5:6], first=6)[0])
    assert not same(whole[5], recorded(seed=1)[5])


def test_recordings_are_those_that_there_have_always_been():
    recordings = recorded()
    assert [len(each.t) for each in recordings] == COUNTS
    assert [
        int((e.t * (1 + e.x + 17 * e.y + 300 * e.p)).sum() % 1_000_003) for e in recordings
    ] == SUMS


def test_events_are_on_the_sensor_and_in_the_order_of_time():
    for each in recorded():
        assert (np.diff(each.t) >= 0).all() and 0 <= each.t.min() and each.t.max() < 300_000
        assert each.x.min() >= 0 and max(each.x.max(), each.y.max()) < 16
        assert set(each.p.tolist()) == {0, 1}


def test_events_say_how_the_brightness_has_changed():
    # Every threshold that is crossed moves the reference: in all, ON less OFF events times the
    # threshold is the change of the logarithm, up to a threshold at either end.
    camera = Camera(**{**QUIET, "spread": 0.0, "refractory": 0.0, "jitter": 0.0})
    (events,) = camera.record(np.ones((1, 8, 8)), torch.tensor([0]), 0)
    net = np.zeros((16, 16))
    np.add.at(net, (events.y, events.x), 2 * events.p - 1)
    assert np.abs(net * 0.4).max() <= 0.4  # the path is closed: nothing has changed
    assert len(events.t) > 100


def brightness(image, y, x, centre):
    """Bilinear, 0 outside of the image; centre as (x, y)."""
    v, u = (y - 7.5 - centre[1]) / 1.5 + 3.5, (x - 7.5 - centre[0]) / 1.5 + 3.5
    return sum(
        max(0.0, 1 - abs(v - i)) * max(0.0, 1 - abs(u - j)) * image[i, j]
        for i in range(8)
        for j in range(8)
    )


def crossings(levels, reference, threshold, length):
    """Times and polarities of one pixel, its refractory time apart."""
    for interval, (before, now) in enumerate(zip(levels, levels[1:], strict=False)):
        while abs(now - reference) >= threshold:
            sign = 1 if now > reference else -1
            reference += sign * threshold
            share = min(max((reference - before) / (now - before), 0.0), 1.0)
            yield (interval + share) * length, (sign + 1) // 2


@pytest.mark.slow
def test_the_camera_is_the_equations_of_a_pixel():
    exact = {**QUIET, "spread": 0.0, "jitter": 0.0, "refractory": 0.0, "intervals": 8}
    (events,) = Camera(**exact).record(IMAGES[:1], torch.tensor([0]), 0)
    corners = [(0.0, 0.0), (0.5, 1.0), (1.0, 0.0), (0.0, 0.0)]
    path = [corners[0]] + [
        tuple(
            a + (1 - math.cos(math.pi * i / 8)) / 2 * (b - a) for a, b in zip(one, two, strict=True)
        )
        for one, two in zip(corners, corners[1:], strict=False)
        for i in range(1, 9)
    ]
    for y, x in ((8, 8), (3, 9), (12, 6)):
        levels = [
            math.log(0.1 + brightness(IMAGES[0], y, x, [3 * (each - 0.5) for each in place]))
            for place in path
        ]
        here = (events.y == y) & (events.x == x)
        # The reference at the start is random, within half a threshold; it is the one that fits.
        fitting = [
            list(crossings(levels, levels[0] + shift * 0.4, 0.4, 12_500.0))
            for shift in np.linspace(-0.5, 0.5, 2001)
        ]
        closest = min(
            (each for each in fitting if [p for _, p in each] == events.p[here].tolist()),
            key=lambda each: sum(
                abs(t - u) for (t, _), u in zip(each, events.t[here], strict=True)
            ),
        )
        assert np.allclose([t for t, _ in closest], events.t[here], atol=60)


def test_an_event_too_soon_after_the_last_is_lost_and_no_other():
    every = recorded(images=IMAGES[:1], **{**QUIET, "refractory": 0.0})[0]
    fewer = recorded(images=IMAGES[:1], **{**QUIET, "refractory": 20_000.0})[0]
    assert len(fewer.t) < len(every.t)
    for y, x in {(int(y), int(x)) for y, x in zip(fewer.y, fewer.x, strict=True)}:
        times = fewer.t[(fewer.y == y) & (fewer.x == x)]
        assert (np.diff(times) >= 19_999).all()


def test_noise_is_as_much_as_it_says():
    black = np.zeros((400, 8, 8))
    recordings = recorded(black, noise=0.1)
    counts = [len(each.t) for each in recordings]
    assert abs(np.mean(counts) - 7.68) < 0.5 and abs(np.var(counts) - 7.68) < 1.5
    assert abs(np.mean(np.concatenate([each.p for each in recordings])) - 0.5) < 0.05
    assert all(len(each.t) == 0 for each in recorded(black[:2], noise=0.0))


def test_a_black_image_on_another_sensor_makes_noise_there():
    places = np.concatenate([each.x for each in recorded(np.zeros((50, 8, 8)), side=20, noise=1.0)])
    assert places.max() == 19


def test_a_recorded_digit_is_a_sample_like_the_digit(monkeypatch):
    for module in (digits, digits_dvs):
        monkeypatch.setattr(module, "table", lambda: TABLE[:60])
    train, test = build_option("dataset", "digits_dvs").source.read()
    assert train.input.shape[1:] == (8, 2, 16, 16) and train.input.dtype == torch.uint8
    of_digits = build_option("dataset", "digits").source.read()
    for recorded, plain in zip((train, test), of_digits, strict=True):
        assert recorded.labels.equal(plain.labels) and recorded.index.equal(plain.index)
    assert test.input[0].sum() in COUNTS
