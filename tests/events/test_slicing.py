"""Frames by hand: ten events, three rules."""

import numpy as np
import pytest

from snnexp.events.events import Events
from snnexp.events.slicing import Slicing

TIMES = (100, 101, 102, 103, 104, 105, 106, 140, 170, 200)
TEN = Events(
    np.array(TIMES),
    x=np.array([0, 0, 1, 1, 2, 2, 3, 3, 0, 0]),
    y=np.array([0, 0, 0, 1, 1, 1, 0, 0, 1, 1]),
    p=np.array([0, 0, 1, 1, 0, 0, 1, 1, 1, 0]),
)
SENSOR = (2, 4)


def slicing(rule, timesteps, window=None, size=None, values="count"):
    return Slicing(rule, timesteps, window, size, values)


def counted(rule, timesteps, window=None):
    return slicing(rule, timesteps, window).frames(TEN, SENSOR).sum((1, 2, 3)).tolist()


def test_a_frame_counts_by_polarity_row_and_column():
    first = slicing("number", 2).frames(TEN, SENSOR)[0]
    assert first.dtype == np.uint8 and first.shape == (2, 2, 4)
    assert first.tolist() == [
        [[2, 0, 0, 0], [0, 0, 1, 0]],
        [[0, 1, 0, 0], [0, 1, 0, 0]],
    ]


@pytest.mark.parametrize(
    ("rule", "timesteps", "window", "counts"),
    [
        ("number", 2, None, [5, 5]),
        ("number", 3, None, [3, 3, 4]),  # 10 // 3 in each, the last takes the rest
        ("number", 12, None, [1] * 10 + [0, 0]),  # fewer events than frames: the first are filled
        ("time", 2, None, [8, 2]),  # 100 // 2 = 50 µs
        ("time", 3, None, [7, 1, 2]),  # 33 µs: up to 132, to 165, and the rest
        ("time", 100, None, [1] * 7 + [0] * 33 + [1] + [0] * 29 + [1] + [0] * 28 + [1]),
        ("window", 2, 40, [7, 2]),  # up to 139, to 179; the last event is left out
        ("window", 4, 1, [1, 1, 1, 1]),
        ("window", 3, 1000, [10, 0, 0]),
    ],
)
def test_what_is_in_each_frame(rule, timesteps, window, counts):
    assert counted(rule, timesteps, window) == counts


def test_one_event_and_events_of_one_time_fill_a_frame():
    assert slicing("time", 3).frames(TEN.at(slice(1)), SENSOR).sum((1, 2, 3)).tolist() == [1, 0, 0]
    once = TEN._replace(t=np.full(10, 7))
    assert slicing("time", 3).frames(once, SENSOR).sum((1, 2, 3)).tolist() == [10, 0, 0]


def test_first_says_how_much_is_left_at_the_first_event_of_every_place():
    made = slicing("first", 9).frames(TEN, SENSOR)  # 101 µs, the last included
    assert made.dtype == np.float32 and made.shape == (1, 2, 2, 4)
    left = 1 - np.array([[[[0, 0, 0, 0], [100, 0, 4, 0]], [[0, 2, 0, 6], [70, 3, 0, 0]]]]) / 101
    left[0, 0, 0, 1:] = left[0, 0, 1, [1, 3]] = left[0, 1, 0, [0, 2]] = left[0, 1, 1, 2:] = 0
    np.testing.assert_allclose(made, left, rtol=1e-6)
    assert slicing("first", 9).timesteps == 1 and slicing("first", 9).timestep == "all of the time"


def test_first_of_one_event_and_of_none():
    assert slicing("first", 1).frames(TEN.at(slice(1)), SENSOR).sum() == 1
    assert slicing("first", 1).frames(TEN.at(slice(0)), SENSOR).sum() == 0


def test_counts_stay_at_255_and_binary_says_that_there_were_any():
    many = Events(*(np.zeros(1000, dtype=np.int64) for _ in range(4)))
    assert slicing("number", 1).frames(many, SENSOR)[0, 0, 0].tolist() == [255, 0, 0, 0]
    assert slicing("number", 1, values="binary").frames(many, SENSOR).sum() == 1
    assert slicing("number", 2, values="binary").frames(TEN, SENSOR).max() == 1


def test_columns_and_rows_fall_together_by_whole_numbers():
    line = Events(*(np.zeros(128, dtype=np.int64) for _ in range(4)))._replace(x=np.arange(128))
    frame = slicing("number", 1, size=42).frames(line, (128, 128))[0, 0]
    assert frame[0].tolist() == np.bincount(np.arange(128) * 42 // 128).tolist()
    assert slicing("number", 5, size=42).shape((128, 128)) == (5, 2, 42, 42)
    assert slicing("number", 5).shape((180, 240)) == (5, 2, 180, 240)


@pytest.mark.parametrize(
    ("rule", "window", "words"),
    [
        ("window", None, r"dataset\.frames\.window=null.*dataset\.frames\.window=10000"),
        ("time", 10, r"dataset\.frames\.window=10: slicing=time.*dataset\.frames\.slicing=window"),
    ],
)
def test_a_window_belongs_to_its_rule_alone(rule, window, words):
    with pytest.raises(ValueError, match=words):
        slicing(rule, 4, window)


def test_frames_are_no_larger_than_the_sensor():
    with pytest.raises(ValueError, match=r"dataset\.frames\.size=35.*34 x 34.*1 to 34"):
        slicing("number", 4, size=35).shape((34, 34))
