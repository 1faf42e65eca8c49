"""Images sorted into one folder per class."""

import hashlib
import os
from pathlib import Path

import numpy as np
import torch

from snnexp.datasets.base import TEST_OFFSET, Source, Split, numbered, status_of
from snnexp.datasets.cache import Arrays, cached
from snnexp.datasets.sorted_folders import Files, SortedFolders
from snnexp.datasets.squares import squares
from snnexp.files.foreign import Unreadable
from snnexp.limits import Count

_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
_FORM = 2  # raised when the same files give other pixels, so that older caches are not used


class FolderImages(Source):
    """Colour images sorted into folders: `train/<class>/*` and `test/<class>/*` or `val/<class>/*`.

    The shorter side is brought to `size` and the middle square is cut out; the result is held in
    memory (3 size^2 bytes per image) and kept in `<folder>/.cache`, where it is used until a file
    is added, removed or changed. Classes are numbered by sorted name. Where there is a `test`,
    `val` is not used.

    PNG, JPEG, WebP and BMP files are read as a person sees them: 16 bits as 8, transparency over
    white, turned as the camera says (`snnexp.datasets.pictures.opened`). Files of other kinds,
    hidden ones and those in folders below a class are not used, and counted.

    Args:
        data_dir: may start with `~`.
        folder: where `train` is, seen from `data_dir`; `.` for `data_dir` itself.
        size: side of the images in pixels, >= 1.
    """

    def __init__(self, data_dir: str, folder: str, size: Count):
        self.root = Path(data_dir).expanduser() / Path(folder).expanduser()
        self.folders = SortedFolders(
            self.root, _SUFFIXES, "image", "pictures", "readable by Pillow"
        )
        self.size = size
        self.shape = (3, size, size)

    @property
    def classes(self) -> int:
        """Number of folders in `train`; looks at the disk."""
        return len(self.folders.names("train"))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the folders in `train`; looks at the disk."""
        return self.folders.class_names()

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.root)

    def read(self) -> tuple[Split, Split]:
        """Training and test samples by class and file name. Raises `DataError`."""
        train, test = self.folders.both()
        path = self.root / ".cache" / f"size{self.size}.npz"
        arrays = cached(path, self._key(train + test), lambda: self._arrays(train, test))
        if {name: array.shape for name, array in arrays.items()} != self._shapes(train, test):
            raise self.folders.fault(path, "not what was made of the pictures here; delete it")
        tensors = {
            name: torch.from_numpy(array) for name, array in arrays.items() if name != "classes"
        }
        return (
            numbered(tensors["train_images"], tensors["train_labels"]),
            numbered(tensors["test_images"], tensors["test_labels"], first=TEST_OFFSET),
        )

    def status(self) -> str:
        """`ready`, or the missing folders."""
        return status_of(
            {
                path: os.path.isdir(path)
                for path in (self.root / "train", self.root / self.folders.test)
            }
        )

    def verify(self) -> str:
        """Decodes every image; there are no published hashes."""
        train, test = self.folders.both()
        self._arrays(train, test)
        return f"{len(train)} training and {len(test)} test images can be read"

    def prepare(self) -> str:
        """Decodes the images, unless that was done."""
        train, test = self.read()
        return f"ready in {self.root}: {len(train)} training and {len(test)} test images"

    def _key(self, files: Files) -> str:
        """Changes whenever the pixels may, or what they are called."""
        try:
            stats = [(path.relative_to(self.root).as_posix(), path.stat()) for path, _ in files]
        except OSError as error:
            raise self.folders.fault(
                Path(str(error.filename)), f"gone since the folder was listed ({error.strerror})"
            ) from None
        listing = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
        return hashlib.sha256(
            repr((_FORM, self.size, self.class_names, listing)).encode("utf-8", "surrogateescape")
        ).hexdigest()

    def _shapes(self, train: Files, test: Files) -> dict[str, tuple[int, ...]]:
        parts = {"train": len(train), "test": len(test)}
        images = {f"{name}_images": (count, *self.shape) for name, count in parts.items()}
        return (
            images
            | {f"{name}_labels": (count,) for name, count in parts.items()}
            | {"classes": (self.classes,)}
        )

    def _arrays(self, train: Files, test: Files) -> Arrays:
        try:
            pixels = squares([path for path, _ in train + test], self.size)
        except Unreadable as error:
            raise self.folders.fault(error.path, error.why) from error
        labels = np.array([label for _, label in train + test], dtype=np.int64)
        cut = len(train)
        images = {"train_images": pixels[:cut], "test_images": pixels[cut:]}
        return images | {
            "train_labels": labels[:cut],
            "test_labels": labels[cut:],
            "classes": np.array(self.class_names),
        }
