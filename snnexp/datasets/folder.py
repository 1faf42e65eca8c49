"""Images sorted into one folder per class."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from snnexp.datasets.base import TEST_OFFSET, DataError, Source, Split, fault, numbered, status_of
from snnexp.datasets.cache import Arrays, cached
from snnexp.limits import Count
from snnexp.stopping import look

_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}
_FORM = 1  # raised when the same files give other pixels, so that older caches are not used


class FolderImages(Source):
    """PNG, JPEG, WebP and BMP files below `root`, as squares of `size` pixels."""

    def __init__(self, root: Path, size: Count):
        self.root = root
        self.size = size
        self.shape = (3, size, size)

    @property
    def classes(self) -> int:
        """Number of folders in `train`; looks at the disk."""
        return len(self._names(self.root / "train"))

    def read(self) -> tuple[Split, Split]:
        """Training and test samples by class and file name. Raises `DataError`."""
        train, test = self._files("train"), self._files(self._test())
        arrays = cached(self.root / ".cache" / f"size{self.size}.npz", self._key(train + test), lambda: self._arrays(train, test))
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return (
            numbered(tensors["train_images"], tensors["train_labels"]),
            numbered(tensors["test_images"], tensors["test_labels"], first=TEST_OFFSET),
        )

    def status(self) -> str:
        """`ready`, or the missing folders."""
        return status_of({path: path.is_dir() for path in (self.root / "train", self.root / self._test())})

    def verify(self) -> str:
        """Decodes every image; there are no published hashes."""
        arrays = self._arrays(self._files("train"), self._files(self._test()))
        return f"{len(arrays['train_labels'])} training and {len(arrays['test_labels'])} test images can be read"

    def prepare(self) -> str:
        """Decodes the images, unless that was done."""
        train, test = self.read()
        return f"ready in {self.root}: {len(train)} training and {len(test)} test images"

    def _test(self) -> str:
        return "val" if (self.root / "val").is_dir() and not (self.root / "test").is_dir() else "test"

    def _names(self, folder: Path) -> list[str]:
        if not folder.is_dir():
            raise self._fault(folder, "missing")
        names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        if not names:
            raise self._fault(folder, "there is no folder of a class in it")
        return names

    def _files(self, part: str) -> list[tuple[Path, int]]:
        """Image files of a part and their class numbers."""
        folder, known = self.root / part, self._names(self.root / "train")
        unknown = [name for name in self._names(folder) if name not in known]
        if unknown:
            raise self._fault(folder / unknown[0], "there is no such class in train")
        files = [(path, known.index(name)) for name in self._names(folder) for path in _images(folder / name)]
        if not files:
            raise self._fault(folder, f"there is no image in it ({' '.join(sorted(_SUFFIXES))})")
        return files

    def _key(self, files: list[tuple[Path, int]]) -> str:
        """Changes whenever the pixels may."""
        stats = [(path.relative_to(self.root).as_posix(), self._stat(path)) for path, _ in files]
        listing = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
        return hashlib.sha256(repr((_FORM, self.size, listing)).encode()).hexdigest()

    def _stat(self, path: Path) -> os.stat_result:
        try:
            return path.stat()
        except OSError as error:  # a link that leads nowhere
            raise self._fault(path, f"unreadable ({error.strerror})") from error

    def _arrays(self, train: list[tuple[Path, int]], test: list[tuple[Path, int]]) -> Arrays:
        parts = {"train": train, "test": test}
        images = {f"{name}_images": self._pixels([path for path, _ in files]) for name, files in parts.items()}
        return images | {f"{name}_labels": np.array([label for _, label in files], dtype=np.int64) for name, files in parts.items()}

    def _pixels(self, paths: list[Path]) -> np.ndarray:
        pixels = np.empty((len(paths), *self.shape), dtype=np.uint8)
        with ThreadPoolExecutor() as pool:  # decoding leaves the interpreter free
            for place, square in enumerate(pool.map(self._square, paths)):
                look()
                pixels[place] = square
        return pixels

    def _square(self, path: Path) -> np.ndarray:
        try:
            with Image.open(path) as image:
                return _cropped(image.convert("RGB"), self.size)
        except Exception as error:  # a damaged image can raise anything
            raise self._fault(path, f"unreadable ({error})") from error

    def _fault(self, path: Path, wrong: str) -> DataError:
        expected = f"{self.root}/train/<class>/<image> and {self.root}/test/<class>/<image> (or val), readable by Pillow"
        return fault(
            path, wrong, expected, "set dataset.folder (below data_dir) to the folder that holds train, or mend or remove the file"
        )


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)


def _cropped(image: Image.Image, size: int) -> np.ndarray:
    """Channels first; Pillow's bilinear filter takes the mean over what a new pixel covers."""
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    square = image.resize((width, height), Image.Resampling.BILINEAR).crop((left, top, left + size, top + size))
    return np.asarray(square).transpose(2, 0, 1)
