"""Recordings of event cameras, written bit by bit in the forms and folders that were published."""

import io
import struct
from pathlib import Path

import numpy as np

from snnexp.events.events import Events

DIGITS = tuple("0123456789")
PHOTOGRAPHS = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


def events(count: int, side: int, seed: int = 0, last: int = 300_000) -> Events:
    """Random events on a square sensor, in the order of their times."""
    random = np.random.default_rng(seed)
    t = np.sort(random.integers(0, last, count))
    x, y, p = (random.integers(0, high, count) for high in (side, side, 2))
    return Events(t, x, y, p)


def nmnist_bytes(recorded: Events) -> bytes:
    """Five bytes an event: column, row, polarity and 23 bits of time."""
    return b"".join(
        bytes([x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255])
        for t, x, y, p in zip(*(column.tolist() for column in recorded), strict=True)
    )


AEDAT2_HEADER = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n"


def aedat2_bytes(recorded: Events) -> bytes:
    """Big-endian address and time; columns count from the right, and bit 0 says OFF."""
    body = b"".join(
        struct.pack(">II", (127 - x) << 1 | y << 8 | (1 - p), t)
        for t, x, y, p in zip(*(column.tolist() for column in recorded), strict=True)
    )
    return AEDAT2_HEADER + body


AEDAT31_HEADER = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"


def packet(kind: int, events: bytes, size: int = 8, overflow: int = 0, capacity: int = 0) -> bytes:
    """A packet of AEDAT 3.1, with room for `capacity` events where that is more than there are."""
    number = len(events) // size
    capacity = max(number, capacity)
    header = struct.pack("<hhiiiiii", kind, 1, size, 4, overflow, capacity, number, number)
    return header + events + bytes(size * (capacity - number))


def polarity_events(recorded: Events, valid: int = 1) -> bytes:
    """The events of a packet: valid, polarity, row and column, then time."""
    return b"".join(
        struct.pack("<II", x << 17 | y << 2 | p << 1 | valid, t)
        for t, x, y, p in zip(*(column.tolist() for column in recorded), strict=True)
    )


def aedat31_bytes(recorded: Events, together: int = 20) -> bytes:
    """Packets of `together` events, a packet of another kind behind the first."""
    parts = [AEDAT31_HEADER]
    for begin in range(0, len(recorded.t), together):
        parts.append(packet(1, polarity_events(recorded.at(slice(begin, begin + together)))))
        if begin == 0:
            parts.append(packet(0, struct.pack("<II", 1, 0)))
    return b"".join(parts)


def npz_bytes(recorded: Events, **changed: object) -> bytes:
    """Four arrays, as `np.savez` writes them; those that are `changed` are others, or left out."""
    arrays = {**recorded._asdict(), **changed}
    content = io.BytesIO()
    np.savez(content, **{name: each for name, each in arrays.items() if each is not None})
    return content.getvalue()


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_nmnist(root: Path, train: int, test: int) -> Path:
    """`Train/<digit>/<number>.bin`, numbered from 1; class n mod 10."""
    for part, count in (("Train", train), ("Test", test)):
        for number in range(1, count + 1):
            path = root / part / str(number % 10) / f"{number:05d}.bin"
            write(path, nmnist_bytes(events(50, 34, number + 100 * len(part))))
    return root


def write_cifar10_dvs(root: Path, train: int, test: int) -> Path:
    """`<class>/cifar10_<class>_<number>.aedat`; numbers from 900 on are for testing."""
    for label, name in enumerate(PHOTOGRAPHS):
        for number in (*range(train // 10), *range(900, 900 + test // 10)):
            path = root / name / f"cifar10_{name}_{number}.aedat"
            write(path, aedat2_bytes(events(50, 128, 1000 * label + number)))
    return root


def write_dvs_gesture(root: Path, train: int, test: int) -> Path:
    """Trials of ten gestures, of which the last ends after the next would have begun."""
    for part, count in (("train", train), ("test", test)):
        names = [f"user{number:02d}_{part}.aedat" for number in range(1, count // 10 + 1)]
        write(root / f"trials_to_{part}.txt", "\n".join([*names, ""]).encode())
        for seed, name in enumerate(names):
            write(root / name, aedat31_bytes(events(400, 128, seed + count, last=1_000_000)))
            rows = [
                f"{1 + place % 11},{100_000 * place},{100_000 * (place + 1)}" for place in range(10)
            ]
            table = "\n".join(["class,startTime_usec,endTime_usec", *rows, ""])
            write(root / name.replace(".aedat", "_labels.csv"), table.encode())
    return root


FORMS = {
    "n.bin": nmnist_bytes,
    "two.aedat": aedat2_bytes,
    "three.aedat": aedat31_bytes,
    "arrays.npz": npz_bytes,
}
"""A file name of each form, and what writes it."""


def write_event_folder(root: Path, train: int, test: int, side: int = 16) -> Path:
    """Two classes below `train` and `test`, in every form."""
    forms = list(FORMS.items())
    for part, count in (("train", train), ("test", test)):
        for number in range(count):
            name, form = forms[number % len(forms)]
            folder = root / part / ("left", "right")[number % 2]
            write(folder / f"{number:02d}_{name}", form(events(50, side, number + len(part))))
    return root
