"""The CIFAR sets in their official Python form."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from snnexp.datasets.base import TEST_OFFSET, DataError, Source, Split, fault, numbered, status_of
from snnexp.datasets.published import download, download_command, has_md5, torchvision_class


class CifarFiles(Source):
    """Pickled batches of 32 x 32 colour images in `DATA_DIR/<folder>`.

    Args:
        data_dir: folder that holds `folder`; may start with `~`.
        name: torchvision's class for the set.
        folder: name of the folder the official archive unpacks to.
        train: files with the training samples, in order.
        test: file with the test samples.
        key: name of the labels in the files.
        classes: number of classes.
    """

    shape = (3, 32, 32)
    train_samples = 50_000

    def __init__(self, data_dir: str, name: str, folder: str, train: list[str], test: str, key: str, classes: int):
        self.name = name
        self.root = Path(data_dir).expanduser()
        self.folder = self.root / folder
        self.train, self.test = train, test
        self.key = key
        self.classes = classes

    def read(self) -> tuple[Split, Split]:
        """Training and test samples in the official order. Raises `DataError`."""
        return self._split(self.train, 0), self._split([self.test], TEST_OFFSET)

    def status(self) -> str:
        """`ready`, or the missing files."""
        return status_of({path: path.exists() for path in map(self.folder.joinpath, [*self.train, self.test])})

    def verify(self) -> str:
        """Published MD5 of every batch."""
        published = torchvision_class(self.name)
        for name, md5 in [*published.train_list, *published.test_list]:
            path = self.folder / name
            if not has_md5(path, md5):
                raise self._fault(path, f"its MD5 is not the published {md5}" if path.exists() else "missing")
        return f"MD5 of {len(self.train) + 1} files"

    def prepare(self) -> str:
        """Downloads what is missing with torchvision; an archive that is already in `DATA_DIR` is only unpacked."""
        if self.status() != "ready":
            download(self.name, self.root)
        return f"ready in {self.folder}"

    def _split(self, names: list[str], first: int) -> Split:
        pixels, labels = zip(*(self._batch(self.folder / name) for name in names), strict=True)
        images = torch.from_numpy(np.concatenate(pixels)).view(-1, *self.shape)
        return numbered(images, torch.from_numpy(np.concatenate(labels)), first)

    def _batch(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        content = self._content(path)
        try:
            pixels, labels = content["data"], np.asarray(content[self.key], dtype=np.int64)
            sound = pixels.dtype == np.uint8 and pixels.shape == (len(labels), 3 * 32 * 32)
        except (LookupError, TypeError, ValueError, AttributeError):
            sound = False
        if not sound or len(labels) == 0:
            raise self._fault(path, f"it is no table of images with `data` and `{self.key}`")
        if labels.min() < 0 or labels.max() >= self.classes:
            raise self._fault(path, f"it has labels outside 0 to {self.classes - 1}")
        return pixels, labels

    def _content(self, path: Path) -> Any:
        try:
            with path.open("rb") as file:
                return _ArraysOnly(file, encoding="latin1").load()
        except FileNotFoundError:
            raise self._fault(path, "missing") from None
        except Exception as error:  # a damaged pickle can raise anything
            raise self._fault(path, f"unreadable ({error})") from error

    def _fault(self, path: Path, wrong: str) -> DataError:
        archive = f"{self.folder.name.removesuffix('-batches-py').removesuffix('-python')}-python.tar.gz"
        files = ", ".join([*self.train, self.test])
        return fault(path, wrong, f"{files} of the official {archive}, unpacked to {self.folder}", download_command(self.name, self.root))


class _ArraysOnly(pickle.Unpickler):
    """Reads lists, texts and arrays; anything else in a pickle could run code."""

    allowed = {
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    }

    def find_class(self, module: str, name: str) -> Any:
        """Looks up one of the allowed names."""
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in such a file")
        return super().find_class(module, name)
