"""Recordings of an event camera in files, as frames that are made of them once."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Shaped

from snnexp.datasets.base import DataError, Samples, Split
from snnexp.datasets.faults import together
from snnexp.datasets.frame_cache import IN_MEMORY, mapped
from snnexp.datasets.mapped_frames import MappedFrames
from snnexp.datasets.text import shown
from snnexp.events.events import Damaged, Events, is_ordered, ordered, refuse_outside
from snnexp.events.forms import Reader
from snnexp.events.slicing import Slicing
from snnexp.files.foreign import Unreadable, read_regular
from snnexp.progress.work import doing
from snnexp.stopping import look

LARGEST = 2**30
"""Bytes of a file of recordings; the largest official ones have some ten million."""
_FORM = 1  # raised when the same files give other frames, so that older caches are not used
_log = logging.getLogger(__name__)


class Part(NamedTuple):
    """A sample: what a file recorded in `span`, (begin, end) in µs of which the end is not in it;
    all of it for None.
    """

    label: int
    index: int
    span: tuple[int, int] | None = None


@dataclass(frozen=True)
class Recording:
    """A file, and the samples in it.

    Args:
        path: of the file.
        read: reads its form.
        parts: the samples in their order; most files are one.
    """

    path: Path
    read: Reader
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Recordings:
    """The recordings of a data set.

    Args:
        root: the folder that they are in; their frames are kept in its `.cache`.
        train: for training, in the official order.
        test: for testing, in the official order.
        sensor: (rows, columns) of the camera.
        slicing: makes frames of them.
        fault: the error for a file, with what is wrong with it.
    """

    root: Path
    train: list[Recording]
    test: list[Recording]
    sensor: tuple[int, int]
    slicing: Slicing
    fault: Callable[[Path, str], DataError]

    def samples(self) -> tuple[Samples, Samples]:
        """Training and test samples; in memory, unless they are too many for it. Raises
        `DataError`, which names all files that cannot be used.
        """
        shape = (self._count(self.both), *self.slicing.shape(self.sensor))
        frames = mapped(self._path(), self._key(), shape, self._frames, self.slicing.dtype)
        cut = self._count(self.train)
        return self._split(frames, 0, cut), self._split(frames, cut, len(frames))

    def check(self) -> None:
        """Reads every file. Raises `DataError`."""
        for _ in self._frames():
            pass

    @property
    def counts(self) -> tuple[int, int]:
        """Number of training and of test samples."""
        return self._count(self.train), self._count(self.test)

    @property
    def both(self) -> list[Recording]:
        """For training, then for testing."""
        return [*self.train, *self.test]

    def _count(self, recordings: list[Recording]) -> int:
        return sum(len(recording.parts) for recording in recordings)

    def _split(self, frames: np.ndarray, begin: int, end: int) -> Samples:
        parts = [part for recording in self.both for part in recording.parts][begin:end]
        labels = torch.tensor([part.label for part in parts], dtype=torch.int64)
        index = torch.tensor([part.index for part in parts], dtype=torch.int64)
        if isinstance(frames, np.memmap) and frames.nbytes > IN_MEMORY:
            return MappedFrames(frames, np.arange(begin, end), labels, index)
        return Split(torch.from_numpy(np.array(frames[begin:end])), labels, index)

    def _frames(self) -> Iterator[Shaped[np.ndarray, "T 2 H W"]]:
        """Of one sample after the other. All files that cannot be used are named at the end."""
        faults: list[Unreadable] = []
        unordered: list[Path] = []
        with doing("making frames", len(self.both), "recordings") as work:
            for recording in self.both:
                look()
                try:
                    events = _events(recording, self.sensor, unordered)
                    yield from map(partial(self._frame, events), recording.parts)
                except Damaged as error:
                    faults.append(Unreadable(recording.path, str(error)))
                except Unreadable as error:
                    faults.append(error)
                work.advance()
        if faults:
            first = together(faults)
            raise self.fault(Path(first.path), first.why)
        self._say(unordered)

    def _frame(self, events: Events, part: Part) -> Shaped[np.ndarray, "T 2 H W"]:
        if part.span is not None:
            begin, end = part.span
            events = events.at((events.t >= begin) & (events.t < end))
            if len(events.t) == 0:
                raise Damaged(f"there is no event in it from {begin} to {end} µs")
        return self.slicing.frames(events, self.sensor)

    def _say(self, unordered: list[Path]) -> None:
        if unordered:
            _log.warning(
                "%s: time goes backwards in %d of %d recordings (%s); their events were sorted",
                shown(self.root),
                len(unordered),
                len(self.both),
                shown(unordered[0]),
            )

    def _path(self) -> Path:
        """One file for each way to make frames, of the recordings as they are now."""
        cut = self.slicing
        window = "" if cut.window is None else f"{cut.window}us_"
        size = "full" if cut.size is None else cut.size
        name = f"{cut.slicing}_{window}t{cut.timesteps}_{size}_{cut.values}.frames"
        return self.root / ".cache" / name

    def _key(self) -> str:
        """Changes whenever the frames may."""
        try:
            files = [
                (recording.path.relative_to(self.root).as_posix(), recording.path.stat())
                for recording in self.both
            ]
        except OSError as error:
            gone = f"gone since the folder was listed ({error.strerror})"
            raise self.fault(Path(str(error.filename)), gone) from None
        listing = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in files]
        parts = [recording.parts for recording in self.both]
        told = (_FORM, self.sensor, vars(self.slicing), listing, parts)
        return hashlib.sha256(repr(told).encode("utf-8", "surrogateescape")).hexdigest()


def _events(recording: Recording, sensor: tuple[int, int], unordered: list[Path]) -> Events:
    events = recording.read(read_regular(recording.path, LARGEST))
    refuse_outside(events, sensor)
    if is_ordered(events):
        return events
    unordered.append(recording.path)
    return ordered(events)
