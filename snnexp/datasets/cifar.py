"""The CIFAR sets in their official Python form."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from snnexp.datasets import pickled
from snnexp.datasets.base import (
    TEST_OFFSET,
    DataError,
    Source,
    Split,
    fault,
    numbered,
    present,
    status_of,
)
from snnexp.datasets.cifar_layout import LAYOUTS
from snnexp.datasets.published import (
    LARGEST,
    MD5,
    download,
    download_command,
    md5_of,
    say_unpublished,
)
from snnexp.files.foreign import Absent, Unreadable, read_regular


class CifarFiles(Source):
    """Pickled batches of 32 x 32 colour photographs, 50000 for training and 10000 for testing.

    `CIFAR10` has 10 classes, `CIFAR100` 100.

    Source: Krizhevsky 2009.

    Args:
        data_dir: folder that holds `cifar-10-batches-py` or `cifar-100-python`; may start with `~`.
        name: torchvision's class for the set.
    """

    class_names = ()
    shape = (3, 32, 32)
    train_samples = 50_000

    def __init__(self, data_dir: str, name: Literal["CIFAR10", "CIFAR100"]):
        layout = LAYOUTS[name]
        self.name = name
        self.root = Path(data_dir).expanduser()
        self.folder = self.root / layout.folder
        self.train = layout.train
        self.test = layout.test
        self.key = layout.key
        self.class_names = layout.class_names
        self.classes = len(layout.class_names)

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    def read(self) -> tuple[Split, Split]:
        """Training and test samples in the official order. Raises `DataError`."""
        splits = self._split(self.train, 0), self._split((self.test,), TEST_OFFSET)
        say_unpublished(self.name, self.folder)
        return splits

    def status(self) -> str:
        """`ready`, or the missing files."""
        return status_of(
            {path: present(path) for path in map(self.folder.joinpath, [*self.train, self.test])}
        )

    def verify(self) -> str:
        """Published MD5 of every batch."""
        for name, md5 in MD5[self.name].items():
            path = self.folder / name
            if md5_of(self._bytes(path)) != md5:
                raise self._fault(path, f"its MD5 is not the published {md5}")
        return f"MD5 of {len(self.train) + 1} files"

    def prepare(self) -> str:
        """Downloads what is missing with torchvision; an archive that is already in `DATA_DIR` is
        only unpacked.

        What is there is read: an interrupted download or unpacking leaves half a file.
        """
        if self.status() != "ready":
            download(self.name, self.root)
        self.read()
        return f"ready in {self.folder}"

    def _split(self, names: tuple[str, ...], first: int) -> Split:
        pixels, labels = zip(*(self._batch(self.folder / name) for name in names), strict=True)
        images = torch.from_numpy(np.concatenate(pixels)).view(-1, *self.shape)
        return numbered(images, torch.from_numpy(np.concatenate(labels)), first)

    def _batch(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        content = self._content(path)
        try:
            pixels, labels = content["data"], _numbers(content[self.key])
            sound = pixels.dtype == np.uint8 and pixels.shape == (len(labels), 3 * 32 * 32)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            sound = False
        if not sound or len(labels) == 0:
            raise self._fault(path, f"it is no table of images with `data` and `{self.key}`")
        if labels.min() < 0 or labels.max() >= self.classes:
            raise self._fault(path, f"it has labels outside 0 to {self.classes - 1}")
        return pixels, labels

    def _content(self, path: Path) -> Any:
        data = self._bytes(path)
        try:
            return pickled.load(data)
        except Exception as error:  # a damaged pickle can raise anything
            raise self._fault(path, f"unreadable ({type(error).__name__}: {error})") from error

    def _bytes(self, path: Path) -> bytes:
        try:
            return read_regular(path, LARGEST)
        except Absent:
            raise self._fault(path, "missing") from None
        except Unreadable as error:
            raise self._fault(path, f"unreadable ({error.why})") from error

    def _fault(self, path: Path, wrong: str) -> DataError:
        archive = (
            f"{self.folder.name.removesuffix('-batches-py').removesuffix('-python')}-python.tar.gz"
        )
        files = ", ".join([*self.train, self.test])
        return fault(
            path,
            wrong,
            f"{files} of the official {archive}, unpacked to {self.folder}",
            download_command(self.name, self.root),
        )


def _numbers(labels: Any) -> np.ndarray:
    """Labels as an array: whole numbers, whether a list or an array held them."""
    if isinstance(labels, np.ndarray):
        return labels.astype(np.int64)
    if not isinstance(labels, list) or any(type(each) is not int for each in labels):
        raise TypeError("labels are whole numbers")
    return np.array(labels, dtype=np.int64)
