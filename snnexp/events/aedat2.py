"""Recordings of a DVS128 in the form AEDAT 2.0, as CIFAR10-DVS is published."""

import numpy as np

from snnexp.events.events import Damaged, Events

VERSION = b"#!AER-DAT2.0"
_BYTES = 8
_SPECIAL = 1 << 15
_ADDRESSES = 1 << 16
_LAST = 127  # columns are counted from the right


def read_aedat2(content: bytes) -> Events:
    """Lines of text that begin with `#`, then events of 64 bits, big-endian: address and time in
    µs.

        bit 0 of the address 1 - polarity, bits 1 to 7 127 - column, bits 8 to 14 row

    An address with bit 15 is that of a signal from outside, which is no event of a pixel.

    Source: jAER, the authors' program (Delbruck); Li et al. 2017 (CIFAR10-DVS).

    Raises:
        Damaged: another first line, a header without an end, the last event is cut off, addresses
            that a DVS128 does not have.
    """
    body = content[_header(content) :]
    if len(body) % _BYTES:
        raise Damaged(
            f"the {len(body)} bytes behind its header are no whole number of events of {_BYTES} "
            "bytes: the last is cut off"
        )
    address, time = np.frombuffer(body, ">u4").reshape(-1, 2).T.astype(np.int64)
    if (address >= _ADDRESSES).any():
        first = int((address >= _ADDRESSES).argmax())
        raise Damaged(f"event {first} has address {address[first]:#x}, which a DVS128 has not")
    events = Events(time, _LAST - (address >> 1 & 127), address >> 8 & 127, 1 - (address & 1))
    return events.at(address < _SPECIAL)


def _header(content: bytes) -> int:
    """Bytes of the lines of text at the start."""
    if not content.startswith(VERSION):
        raise Damaged(f"its first line is not {VERSION.decode()}")
    place = 0
    while content[place : place + 1] == b"#":
        place = content.find(b"\n", place) + 1
        if place == 0:
            raise Damaged("its header does not end")
    return place
