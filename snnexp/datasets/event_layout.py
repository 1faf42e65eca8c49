"""How sets of recordings were published."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from snnexp.datasets.archives import Archive, Fault
from snnexp.datasets.recordings import Recording

Listed = tuple[list[Recording], list[Recording]]
"""Recordings for training and for testing, in the official order."""


@dataclass(frozen=True)
class Layout:
    """A set of recordings as it was published.

    Args:
        option: of the group `dataset` that it is.
        title: what the set is called.
        class_names: in the order of the class numbers.
        sensor: (rows, columns) of the camera.
        published: number of samples for training and for testing.
        archives: by the folder that each unpacks to, seen from that of the set.
        needed: what has to be in the folder of the set.
        files: what is in it, for messages.
        packed: the archives, for messages.
        origin: who published them and where, for messages.
        listed: the recordings in a folder, with the error for a file in it. Raises `DataError`; it
            opens no recording.
    """

    option: str
    title: str
    class_names: tuple[str, ...]
    sensor: tuple[int, int]
    published: tuple[int, int]
    archives: Mapping[str, Archive]
    needed: tuple[str, ...]
    files: str
    packed: str
    origin: str
    listed: Callable[[Path, Fault], Listed]
