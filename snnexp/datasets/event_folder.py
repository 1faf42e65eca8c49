"""Recordings of an event camera of one's own, sorted into one folder per class."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from snnexp.datasets.base import TEST_OFFSET, Samples, Source, status_of
from snnexp.datasets.digits import Share, drawn_per_class
from snnexp.datasets.recordings import Part, Recording, Recordings
from snnexp.datasets.sorted_folders import Files, SortedFolders
from snnexp.events.forms import READERS
from snnexp.events.slicing import Slicing
from snnexp.limits import Count, Seed


class EventFolder(Source):
    """Recordings sorted into folders: `train/<class>/*` and `test/<class>/*` or `val/<class>/*`; or
    `<class>/*` alone, of which a share is for testing.

    Classes are numbered by sorted name, recordings by class and sorted file name. What a file is
    its suffix says: `.aedat` (2.0 of a DVS128, or 3.1), `.bin` (as N-MNIST and N-Caltech101), or
    `.npz` with four arrays of whole numbers: `t` in µs, columns `x`, rows `y`, polarity `p`. Files
    of other kinds, hidden ones and those in folders below a class are not used, and counted.

    Frames are made once and kept in `<folder>/.cache`, until a file is added, removed or changed.

    Args:
        data_dir: may start with `~`.
        folder: where `train` or the folders of the classes are, seen from `data_dir`; `.` for
            `data_dir` itself.
        height: rows of the sensor.
        width: columns of the sensor.
        test_share: share of every class that is for testing, in (0, 1), where there is no `train`;
            None for `train` and `test`.
        split_seed: of the choice of the test samples.
        frames: what recordings are made into.
    """

    augmented = "frames"

    def __init__(
        self,
        data_dir: str,
        folder: str,
        height: Count,
        width: Count,
        test_share: Share | None,
        split_seed: Seed,
        frames: Callable[[], Slicing],
    ):
        self.root = Path(data_dir).expanduser() / Path(folder).expanduser()
        self.folders = SortedFolders(
            self.root, tuple(READERS), "recording", "recordings", "in a form that its suffix says"
        )
        self.sensor = (height, width)
        self.test_share = test_share
        self.split_seed = split_seed
        self.frames = frames()
        self.shape = self.frames.shape(self.sensor)
        self.timestep = self.frames.timestep

    @property
    def classes(self) -> int:
        """Number of folders of classes; looks at the disk."""
        return len(self.class_names)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the folders of classes; looks at the disk."""
        return self.folders.class_names(self._train)

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.root)

    def read(self) -> tuple[Samples, Samples]:
        """Training and test samples by class and file name. Raises `DataError`."""
        return self._recordings().samples()

    def status(self) -> str:
        """`ready`, or the missing folders."""
        needed = [self._train] if self.test_share else ["train", self.folders.test]
        return status_of({self.root / part: os.path.isdir(self.root / part) for part in needed})

    def verify(self) -> str:
        """Reads every recording; there are no published hashes."""
        recordings = self._recordings()
        recordings.check()
        counts = "{} training and {} test recordings".format(*recordings.counts)
        return f"{counts} can be read"

    def prepare(self) -> str:
        """Makes the frames, unless that was done."""
        train, test = self.read()
        return f"ready in {self.root}: {len(train)} training and {len(test)} test recordings"

    @property
    def _train(self) -> str:
        """Where the folders of all classes are, seen from the root."""
        return "." if self.test_share else "train"

    def _recordings(self) -> Recordings:
        train, test = self._sorted() if self.test_share is None else self._drawn()
        return Recordings(self.root, train, test, self.sensor, self.frames, self.folders.fault)

    def _sorted(self) -> tuple[list[Recording], list[Recording]]:
        train, test = self.folders.both()
        return _numbered(train, range(len(train))), _numbered(
            test, range(TEST_OFFSET, TEST_OFFSET + len(test))
        )

    def _drawn(self) -> tuple[list[Recording], list[Recording]]:
        if os.path.isdir(self.root / "train"):
            raise self.folders.fault(
                self.root / "train",
                f"with test_share={self.test_share} it would be a class; set "
                "dataset.test_share=null to train on it",
            )
        files = self.folders.alone()
        labels = torch.tensor([label for _, label in files])
        chosen = drawn_per_class(labels, self.test_share, self.split_seed).tolist()
        rest = [place for place, test in enumerate(chosen) if not test]
        test = [place for place, test in enumerate(chosen) if test]
        return (
            _numbered([files[place] for place in rest], rest),
            _numbered([files[place] for place in test], [TEST_OFFSET + place for place in test]),
        )


def _numbered(files: Files, index: Sequence[int]) -> list[Recording]:
    return [
        Recording(path, READERS[path.suffix.lower()], (Part(label, number),))
        for (path, label), number in zip(files, index, strict=True)
    ]
