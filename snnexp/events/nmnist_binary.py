"""Recordings in the binary form of N-MNIST and N-Caltech101."""

import numpy as np

from snnexp.events.events import Damaged, Events

_BYTES = 5
_OVERFLOW_ROW = 240
_OVERFLOW = 1 << 13


def read_nmnist_binary(content: bytes) -> Events:
    """Events of 40 bits each, big-endian, and nothing before them.

        byte 0 column, byte 1 row, bit 7 of byte 2 polarity (1 = ON), the other 23 bits time in µs

    A row of 240 says in N-Caltech101 that the clock has run over: it is no event, and what follows
    is 2^13 µs later.

    Source: Orchard et al. 2015.

    Raises:
        Damaged: the last event is cut off.
    """
    if len(content) % _BYTES:
        raise Damaged(
            f"its {len(content)} bytes are no whole number of events of {_BYTES} bytes: the last "
            "is cut off"
        )
    column, row, *low = np.frombuffer(content, np.uint8).reshape(-1, _BYTES).T.astype(np.int64)
    time = (low[0] & 127) << 16 | low[1] << 8 | low[2]
    over = row == _OVERFLOW_ROW
    events = Events(time + _OVERFLOW * over.cumsum(), column, row, low[0] >> 7)
    return events.at(~over) if over.any() else events
