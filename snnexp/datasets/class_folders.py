"""Photographs in the layout of ImageNet."""

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from snnexp.datasets.base import TEST_OFFSET, DataError, Source, fault
from snnexp.datasets.listing import Unused, class_files, folders
from snnexp.datasets.publication import PUBLICATIONS
from snnexp.datasets.reading import Decoder
from snnexp.datasets.stream import Stream
from snnexp.datasets.text import class_name
from snnexp.files.foreign import Unreadable
from snnexp.limits import Count, Natural

_SUFFIXES = (".jpeg", ".jpg")
_PARTS = ("train", "val")
_log = logging.getLogger(__name__)


class ClassFolders(Source):
    """Photographs in the layout of ImageNet, `{train,val}/<wnid>/*.JPEG`; `val` is for testing.

    They are listed when the data is loaded and decoded in every epoch by worker processes, while
    the device computes. Training sees a random part of each, resized; evaluation the middle square
    of the image whose shorter side is `size` * 256 / 224. Files are read as a person sees them,
    turned as the camera says (`snnexp.datasets.pictures.opened`). Classes are numbered by sorted
    folder name, images by class and sorted file name. What else is there is not used, and counted.

    `ImageNet` are the photographs of the ILSVRC 2012 challenge, 1281167 for training and 50000 for
    testing, of 1000 classes. `Imagenette` are ten easily told classes of it, 9469 and 3925: what
    takes days there takes minutes here.

    Source: Russakovsky et al. 2015 (`ImageNet`); Howard 2019, second edition of the split
    (`Imagenette`).

    Args:
        data_dir: may start with `~`.
        folder: where `train` and `val` are, seen from `data_dir`. Imagenette unpacks to
            `imagenette2-160` (shorter side 160 pixels), `imagenette2-320`, or `imagenette2` (as in
            ImageNet).
        name: what is expected there, by torchvision's name for it.
        size: side of the images in pixels, >= 1.
        workers: number of processes that read, >= 0; it changes nothing but the speed.
    """

    augmented = "pictures"

    def __init__(
        self,
        data_dir: str,
        folder: str,
        name: Literal["ImageNet", "Imagenette"],
        size: Count,
        workers: Natural,
    ):
        base = Path(data_dir).expanduser()
        self.root = base / Path(folder).expanduser()
        self.publication = publication = PUBLICATIONS[name](base, Path(folder))
        self.size, self.workers = size, workers
        self.classes = publication.classes
        self.shape = (3, size, size)
        self.train_samples = publication.images[0]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the folders in `train`; looks at the disk."""
        return tuple(map(class_name, self._folders("train")))

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.root)

    def read(self) -> tuple[Stream, Stream]:
        """Lists training and test samples; no image is opened. Raises `DataError`."""
        unused = Unused()
        train, test = self._listed("train", 0, unused), self._listed("val", TEST_OFFSET, unused)
        unused.say(self.root, _SUFFIXES)
        found = (len(train), len(test))
        if found != self.publication.images:
            _log.warning(
                "%s holds %d + %d images; %d + %d were published",
                self.root,
                *found,
                *self.publication.images,
            )
        return train, test

    def status(self) -> str:
        """`ready`, or the missing folders."""
        counts = {self.root / part: self._folders(part) for part in _PARTS}
        absent = [
            f"{folder} ({len(names)} of {self.classes} class folders)"
            for folder, names in counts.items()
            if not self._whole(names)
        ]
        return f"missing: {', '.join(absent)}" if absent else "ready"

    def verify(self) -> str:
        """Number of images, and that every one can be decoded; hashes were published of the
        archives only.
        """
        for part, published in zip(_PARTS, self.publication.images, strict=True):
            files = self._files(part, Unused())
            if len(files) != published:
                raise self._fault(
                    self.root / part, f"it holds {len(files)} images, {published} were published"
                )
            self._decode(part, files)
        return "{} training and {} test images, as many as were published, can be read".format(
            *self.publication.images
        )

    def prepare(self) -> str:
        """Unpacks or downloads what can be had without the user."""
        if self.status() != "ready":
            self.publication.fetch()
        if self.status() != "ready":
            raise self._fault(self.root, self.status())
        return f"ready in {self.root}"

    def _folders(self, part: str, unused: Unused | None = None) -> list[str]:
        try:
            return folders(self.root / part, unused or Unused())
        except Unreadable:
            return []

    def _whole(self, names: list[str]) -> bool:
        return len(names) == self.classes

    def _files(self, part: str, unused: Unused) -> list[tuple[str, int]]:
        """Names of the image files, seen from `root`, and their class numbers."""
        names = self._folders(part, unused)
        if not self._whole(names):
            wrong = (
                "missing"
                if not names
                else f"it holds {len(names)} class folders, not {self.classes}"
            )
            raise self._fault(self.root / part, wrong)
        if names != self._folders("train"):
            raise self._fault(self.root / part, "its class folders are not those of train")
        try:
            files = [
                (f"{part}/{name}/{file}", label)
                for label, name in enumerate(names)
                for file in class_files(self.root / part / name, _SUFFIXES, unused)
            ]
        except Unreadable as error:
            raise self._fault(Path(error.path), error.why) from None
        if not files:
            raise self._fault(
                self.root / part, f"there is no image in its class folders ({' '.join(_SUFFIXES)})"
            )
        return files

    def _listed(self, part: str, first: int, unused: Unused) -> Stream:
        names, labels = zip(*self._files(part, unused), strict=True)
        index = torch.arange(first, first + len(labels))
        return Stream(
            self.root,
            np.array([os.fsencode(name) for name in names]),
            torch.tensor(labels),
            index,
            self.size,
            self.workers,
        )

    def _decode(self, part: str, files: list[tuple[str, int]]) -> None:
        names = np.array([os.fsencode(name) for name, _ in files])
        decoder = Decoder(self.root, names, size=1, augmentation=None)
        with ThreadPoolExecutor() as pool:  # decoding leaves the interpreter free
            for _ in pool.map(decoder.square, range(len(files)), [0] * len(files)):
                pass

    def _fault(self, path: Path, wrong: str) -> DataError:
        expected = (
            f"{self.root}/{{train,val}}/<wnid>/*.JPEG with {self.classes} classes, from "
            f"{self.publication.archives}"
        )
        return fault(path, wrong, expected, self.publication.remedy)
