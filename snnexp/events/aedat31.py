"""Recordings in the form AEDAT 3.1, as DVS128 Gesture is published."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from snnexp.events.events import Damaged, Events

VERSION = b"#!AER-DAT3.1"
_END = b"#!END-HEADER"
_POLARITY = 1
_BYTES = 8
_OVERFLOW_BIT = 31


class _Packet(NamedTuple):
    """The header of a packet, as it is in the file."""

    kind: int
    source: int
    size: int
    offset: int
    overflow: int
    capacity: int
    number: int
    valid: int


_HEADER = struct.Struct("<hhiiiiii")


def read_aedat31(content: bytes) -> Events:
    """Lines of text up to `#!END-HEADER`, then packets of events, little-endian.

        header   kind and source (16 bits each), size of an event, offset of its time, overflow of
                 the clock, capacity, number, number of valid events (32 bits each)
        event    bit 0 of the first 32 valid, bit 1 polarity (1 = ON), bits 2 to 16 row, bits 17 to
                 31 column; the second 32 time in µs, below overflow * 2^31

    Packets of other kinds than 1, and events that are not valid, are not used.

    Source: AEDAT 3.1 of libcaer; Amir et al. 2017 (DVS128 Gesture).

    Raises:
        Damaged: another first line, a header without an end, a packet that is cut off or whose
            header is none.
    """
    parts = [
        _events(content, start, packet)
        for start, packet in _packets(content, _header(content))
        if packet.kind == _POLARITY
    ]
    if not parts:
        raise Damaged("it holds no packet of polarity events")
    return Events(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _header(content: bytes) -> int:
    """Bytes of the lines of text at the start."""
    if not content.startswith(VERSION):
        raise Damaged(f"its first line is not {VERSION.decode()}")
    last = content.find(_END)
    end = content.find(b"\n", last) + 1
    if last < 0 or end == 0:
        raise Damaged(f"its header does not end with {_END.decode()}")
    return end


def _packets(content: bytes, place: int) -> Iterator[tuple[int, _Packet]]:
    """Where the events of each packet start, and its header."""
    while place < len(content):
        if place + _HEADER.size > len(content):
            raise Damaged(f"the header of its last packet, at byte {place}, is cut off")
        packet = _Packet(*_HEADER.unpack_from(content, place))
        start = place + _HEADER.size
        _check(packet, place, len(content) - start)
        yield start, packet
        place = start + packet.capacity * packet.size


def _check(packet: _Packet, place: int, left: int) -> None:
    counts = f"{packet.number} of {packet.capacity} events of {packet.size} bytes"
    if packet.size < 1 or not 0 <= packet.number <= packet.capacity or packet.overflow < 0:
        raise Damaged(f"the packet at byte {place} has an impossible header: {counts}")
    if packet.kind == _POLARITY and packet.size != _BYTES:
        raise Damaged(f"the packet at byte {place} has {counts}; polarity events have {_BYTES}")
    if packet.capacity * packet.size > left:
        raise Damaged(f"the packet at byte {place} announces {counts}, and {left} bytes follow")


def _events(content: bytes, start: int, packet: _Packet) -> Events:
    words = np.frombuffer(content, "<u4", 2 * packet.number, start).reshape(-1, 2)
    data, time = words[words[:, 0] & 1 == 1].T.astype(np.int64)
    time = time | packet.overflow << _OVERFLOW_BIT
    return Events(time, data >> 17, data >> 2 & 0x7FFF, data >> 1 & 1)
