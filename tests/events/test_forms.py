"""Recordings written bit by bit come back event for event."""

import struct

import numpy as np
import pytest

from snnexp.events.aedat2 import read_aedat2
from snnexp.events.aedat31 import read_aedat31
from snnexp.events.events import Damaged, Events, is_ordered, ordered, refuse_outside
from snnexp.events.forms import READERS, read_aedat
from snnexp.events.nmnist_binary import read_nmnist_binary
from snnexp.events.npz import read_npz
from tests.support.recordings import (
    AEDAT2_HEADER,
    AEDAT31_HEADER,
    FORMS,
    aedat31_bytes,
    events,
    npz_bytes,
    packet,
    polarity_events,
)


def same(one, other):
    return all(
        a.dtype == np.int64 and np.array_equal(a, b) for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("name", FORMS)
def test_events_come_back_as_they_were_written(name):
    written = events(200, 34)
    read = READERS[f".{name.partition('.')[2]}"]
    assert same(read(FORMS[name](written)), written)


def test_an_event_of_nmnist_by_hand():
    # Column 3, row 5, ON, and 2^16 + 2 * 2^8 + 7 = 66055 µs; then OFF at time 1.
    content = bytes([3, 5, 0b1000_0001, 2, 7, 33, 0, 0, 0, 1])
    assert same(
        read_nmnist_binary(content), Events(*map(np.array, ([66055, 1], [3, 33], [5, 0], [1, 0])))
    )


def test_the_clock_of_ncaltech_runs_over_where_the_row_is_240():
    content = bytes(
        [1, 2, 0, 0, 9, 0, 240, 0, 0, 0, 4, 6, 128, 0, 10, 0, 240, 0, 0, 0, 1, 1, 0, 0, 0]
    )
    read = read_nmnist_binary(content)
    assert read.t.tolist() == [9, 10 + 2**13, 2**14] and read.y.tolist() == [2, 6, 1]


def test_an_event_of_aedat2_by_hand():
    # Row 5 (bits 8 to 14), 127 - 100 = 27 (bits 1 to 7), bit 0 says OFF.
    body = struct.pack(">II", 5 << 8 | 27 << 1 | 1, 12)
    assert same(read_aedat2(AEDAT2_HEADER + body), Events(*map(np.array, ([12], [100], [5], [0]))))


def test_signals_from_outside_are_no_events_of_pixels():
    body = struct.pack(">IIII", 1 << 15, 3, 5 << 8, 12)
    assert read_aedat2(AEDAT2_HEADER + body).t.tolist() == [12]


def test_an_event_of_aedat31_by_hand():
    # Column 100 (bits 17 to 31), row 5 (bits 2 to 16), ON, valid; the clock has run over once.
    body = packet(1, struct.pack("<II", 100 << 17 | 5 << 2 | 0b11, 12), overflow=1)
    expected = Events(*map(np.array, ([2**31 + 12], [100], [5], [1])))
    assert same(read_aedat31(AEDAT31_HEADER + body), expected)


def test_packets_of_other_kinds_free_places_and_events_that_are_not_valid_are_left_out():
    one, other = events(3, 34), events(2, 34, seed=1)
    content = AEDAT31_HEADER + packet(2, bytes(36), size=36)
    content += packet(1, polarity_events(one), capacity=10)
    content += packet(1, polarity_events(other, valid=0))
    assert same(read_aedat31(content), one)


@pytest.mark.parametrize("off", [0, -1, False])
def test_off_is_0_or_minus_1_or_false_in_arrays(off):
    written = events(20, 34)
    p = np.where(written.p == 1, type(off)(1), off)
    assert same(read_npz(npz_bytes(written, p=p, t=written.t.astype(np.uint32))), written)


def test_the_version_of_aedat_is_that_of_the_first_line():
    assert same(read_aedat(aedat31_bytes(events(30, 34))), events(30, 34))
    with pytest.raises(Damaged, match=r"neither #!AER-DAT2.0 nor #!AER-DAT3.1"):
        read_aedat(b"#!AER-DAT1.0\r\n")


def test_events_are_sorted_by_time_and_stay_in_order_at_one_time():
    mixed = Events(*map(np.array, ([5, 3, 5, 3], [1, 2, 3, 4], [0] * 4, [0] * 4)))
    assert not is_ordered(mixed) and is_ordered(ordered(mixed))
    assert ordered(mixed).x.tolist() == [2, 4, 1, 3]


@pytest.mark.parametrize(("x", "y"), [(34, 0), (0, 34), (-1, 0), (0, -1)])
def test_events_outside_of_the_sensor_are_refused_with_their_place(x, y):
    wrong = Events(*map(np.array, ([1, 2], [0, x], [0, y], [0, 0])))
    with pytest.raises(
        Damaged, match=rf"event 1 is at row {y}, column {x}, outside of the 34 x 34"
    ):
        refuse_outside(wrong, (34, 34))
    refuse_outside(wrong.at(slice(1)), (34, 34))
    with pytest.raises(Damaged, match="no event"):
        refuse_outside(wrong.at(slice(0)), (34, 34))
