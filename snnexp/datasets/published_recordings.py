"""Recordings of event cameras in the form that they were published in."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from snnexp.datasets import cifar10_dvs, dvs_gesture, nmnist
from snnexp.datasets.archives import beside, check, unpack
from snnexp.datasets.base import DataError, Samples, Source, fault, present, status_of
from snnexp.datasets.recordings import Recordings
from snnexp.datasets.text import shown
from snnexp.events.slicing import Slicing

LAYOUTS = {
    "NMNIST": nmnist.LAYOUT,
    "CIFAR10DVS": cifar10_dvs.LAYOUT,
    "DVSGesture": dvs_gesture.LAYOUT,
}
_log = logging.getLogger(__name__)


class PublishedRecordings(Source):
    """Recordings of an event camera in the files that were published, as frames.

    `NMNIST`: MNIST on a screen before a camera of 34 x 34 pixels that turned three times; 10
    classes, 60000 + 10000 recordings of 300 ms. `CIFAR10DVS`: ten thousand photographs of CIFAR-10
    moved on a screen, 128 x 128 pixels; 10 classes, of which the recordings 0 to 899 are for
    training and 900 to 999 for testing, since there is no official split. `DVSGesture`: 11 gestures
    of 29 people under three lights, 128 x 128 pixels, 1176 + 288 cut out of 122 trials.

    Of the first two a part is used as well, numbered as in the whole set, and a line says that it
    is one. Frames are made once and kept in `<folder>/.cache`, until a file is added, removed or
    changed; those of other slices are kept beside them.

    Source: Orchard et al. 2015 (`NMNIST`); Li et al. 2017 (`CIFAR10DVS`); Amir et al. 2017
    (`DVSGesture`).

    Args:
        data_dir: may start with `~`.
        folder: where the recordings are, seen from `data_dir`.
        name: of the set.
        frames: what recordings are made into.
    """

    augmented = "frames"

    def __init__(
        self,
        data_dir: str,
        folder: str,
        name: Literal["NMNIST", "CIFAR10DVS", "DVSGesture"],
        frames: Callable[[], Slicing],
    ):
        self.root = Path(data_dir).expanduser() / Path(folder).expanduser()
        self.layout = layout = LAYOUTS[name]
        self.frames = frames()
        self.shape = self.frames.shape(layout.sensor)
        self.timestep = self.frames.timestep
        self.classes = len(layout.class_names)
        self.train_samples = layout.published[0]

    @property
    def class_names(self) -> tuple[str, ...]:
        """As the set names them."""
        return self.layout.class_names

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.root)

    def read(self) -> tuple[Samples, Samples]:
        """Training and test samples in the official order. Raises `DataError`."""
        recordings, published = self._recordings(), self.layout.published
        if recordings.counts != published:
            said = "%s: a part of %s, %d + %d recordings of %d + %d"
            _log.warning(said, shown(self.root), self.layout.title, *recordings.counts, *published)
        return recordings.samples()

    def status(self) -> str:
        """`ready`, or what is missing, and whether its archive is there."""
        needed = [self.root / name for name in self.layout.needed]
        status = status_of({path: present(path) for path in needed})
        packed = [path.name for path in self._archives() if status != "ready" and present(path)]
        return f"{status}; {', '.join(packed)} can be unpacked" if packed else status

    def verify(self) -> str:
        """Published MD5 of the archives that are there, form and number of the recordings. Raises
        `DataError`.
        """
        archives = {path: each for path, each in self._archives().items() if present(path)}
        for path, archive in archives.items():
            check(path, archive, self._fault)
        recordings = self._recordings()
        recordings.check()
        counts = "{} training and {} test recordings".format(*recordings.counts)
        if recordings.counts != self.layout.published:
            published = "{} + {}".format(*self.layout.published)
            raise self._fault(self.root, f"{counts}, which can be read; {published} were published")
        hashed = f"MD5 of {len(archives)} archives (the published ones are of those)"
        return f"{counts}, as many as were published, can be read; {hashed}"

    def prepare(self) -> str:
        """Unpacks the archives that are there, and makes the frames."""
        for name, archive in self.layout.archives.items():
            folder = self.root / name
            if not self._is_there(folder) and present(beside(folder, archive)):
                unpack(beside(folder, archive), archive, folder, self._fault)
        if self.status() != "ready":
            raise self._fault(self.root, self.status())
        train, test = self.read()
        return f"ready in {self.root}: {len(train)} training and {len(test)} test recordings"

    def _is_there(self, folder: Path) -> bool:
        """Whether nothing is left to be unpacked to a folder."""
        needed = [self.root / name for name in self.layout.needed]
        return all(present(path) for path in needed if folder in (path, path.parent))

    def _archives(self) -> dict:
        """The archives by where they are expected."""
        archives = self.layout.archives.items()
        return {beside(self.root / name, archive): archive for name, archive in archives}

    def _recordings(self) -> Recordings:
        layout = self.layout
        listed = layout.listed(self.root, self._fault)
        return Recordings(self.root, *listed, layout.sensor, self.frames, self._fault)

    def _fault(self, path: Path, wrong: str) -> DataError:
        layout, folder = self.layout, next(iter(self._archives())).parent
        return fault(
            path,
            wrong,
            f"{self.root}/{layout.files} of {layout.title}",
            f"put {layout.packed} as published {layout.origin} into {folder} and type "
            f"`snnexp data prepare {layout.option}`, unpack a damaged file again, or set "
            "dataset.folder (below data_dir)",
        )
