"""MNIST and the sets that share its file format."""

import gzip
import io
import logging
import math
import struct
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

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
from snnexp.datasets.published import (
    LARGEST,
    MD5,
    download,
    download_command,
    md5_of,
    say_unpublished,
)
from snnexp.files.foreign import Absent, Unreadable, read_regular

CLASSES = {
    "MNIST": tuple("0123456789"),
    "FashionMNIST": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
}
"""The ten classes of each set, by torchvision's name for it."""
_UNSIGNED_BYTE = 8
_log = logging.getLogger(__name__)


class IdxFiles(Source):
    """Four idx files in `DATA_DIR/<name>/raw`, unpacked or as .gz: 28 x 28 grey images of 10
    classes.

    60000 are for training and 10000 for testing.

    Source: the handwritten digits of LeCun, Cortes and Burges 1998 (`MNIST`); the articles of
    clothing of Xiao et al. 2017 (`FashionMNIST`).

    Args:
        data_dir: folder that holds `<name>/raw`; may start with `~`.
        name: torchvision's class for the set, which is also its folder.
    """

    classes = 10
    class_names = ()
    shape = (1, 28, 28)
    train_samples = 60_000

    def __init__(self, data_dir: str, name: Literal["MNIST", "FashionMNIST"]):
        self.class_names = CLASSES[name]
        self.name = name
        self.root = Path(data_dir).expanduser()
        self.folder = self.root / name / "raw"
        self.remedy = download_command(name, self.root)

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    def read(self) -> tuple[Split, Split]:
        """Training and test samples in the official order. Raises `DataError`."""
        splits = numbered(*self._split("train")), numbered(*self._split("t10k"), first=TEST_OFFSET)
        say_unpublished(self.name, self.folder)
        return splits

    def status(self) -> str:
        """`ready`, or the missing files."""
        return status_of(
            {
                path: present(path) or present(_packed(path))
                for path in map(self.folder.joinpath, self._files())
            }
        )

    def verify(self) -> str:
        """Form of all files; published MD5 of the .gz files that are there, and that the unpacked
        ones agree with them.
        """
        self.read()
        hashed = [
            self._verified(self.folder / packed, md5) for packed, md5 in MD5[self.name].items()
        ]
        return (
            f"form of {len(hashed)} files, MD5 of {sum(hashed)} .gz files (the published ones are "
            "of those)"
        )

    def prepare(self) -> str:
        """Downloads what is missing with torchvision, and reads what is there: an interrupted
        download leaves half a file.
        """
        if self.status() != "ready":
            download(self.name, self.root)
        self.read()
        return f"ready in {self.folder}"

    def _files(self) -> list[str]:
        return [
            f"{part}-{kind}-ubyte"
            for part in ("train", "t10k")
            for kind in ("images-idx3", "labels-idx1")
        ]

    def _split(self, part: str) -> tuple[Tensor, Tensor]:
        images = self._array(f"{part}-images-idx3-ubyte", axes=3)
        labels = self._array(f"{part}-labels-idx1-ubyte", axes=1)
        path = self.folder / f"{part}-images-idx3-ubyte"
        if images.shape != (len(labels), *self.shape[1:]):
            raise self._fault(
                path, f"it holds an array {list(images.shape)} for {len(labels)} labels"
            )
        if len(labels) == 0 or labels.max() >= self.classes:
            raise self._fault(
                self.folder / f"{part}-labels-idx1-ubyte",
                "there are no labels or some are not class numbers",
            )
        return torch.from_numpy(images)[:, None], torch.from_numpy(labels).long()

    def _array(self, name: str, axes: int) -> np.ndarray:
        """An idx file: two zero bytes, the type, the number of axes, their lengths (32 bits,
        big-endian), and the values.
        """
        path = self.folder / name
        content = self._content(path)
        start = 4 + 4 * axes
        if len(content) < start or content[:4] != bytes([0, 0, _UNSIGNED_BYTE, axes]):
            raise self._fault(path, "it does not start with the header of such a file")
        lengths = struct.unpack(f">{axes}I", content[4:start])
        if len(content) - start != math.prod(lengths):
            raise self._fault(
                path,
                (
                    f"the header announces {math.prod(lengths)} bytes and {len(content) - start} "
                    "follow"
                ),
            )
        return np.frombuffer(bytearray(content), np.uint8, offset=start).reshape(lengths)

    def _content(self, path: Path) -> bytes:
        try:
            content, packed = self._bytes(path), self._bytes(_packed(path))
        except Unreadable as error:
            raise self._fault(Path(error.path), f"unreadable ({error.why})") from error
        if content is None and packed is None:
            raise self._fault(path, "missing")
        if content is None:
            return self._unpacked(_packed(path), packed)
        if packed is not None and zlib.crc32(content) != int.from_bytes(packed[-8:-4], "little"):
            _log.warning(
                "%s is used, and is not what %s contains; `snnexp data verify` says more",
                path,
                _packed(path).name,
            )
        return content

    def _bytes(self, path: Path) -> bytes | None:
        try:
            return read_regular(path, LARGEST)
        except Absent:
            return None

    def _unpacked(self, packed: Path, content: bytes) -> bytes:
        try:
            with gzip.open(io.BytesIO(content)) as file:
                unpacked = file.read(LARGEST + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise self._fault(packed, f"unreadable ({error})") from error
        if len(unpacked) > LARGEST:
            raise self._fault(packed, f"it contains more than {LARGEST} bytes")
        return unpacked

    def _verified(self, packed: Path, md5: str) -> bool:
        """Whether there is a .gz, which then is the published one."""
        content = self._bytes(packed)
        if content is None:
            return False
        if md5_of(content) != md5:
            raise self._fault(packed, f"its MD5 is not the published {md5}")
        unpacked = packed.with_suffix("")
        if present(unpacked) and self._bytes(unpacked) != self._unpacked(packed, content):
            raise self._fault(unpacked, f"it is not what {packed.name} contains")
        return True

    def _fault(self, path: Path, wrong: str) -> DataError:
        files = ", ".join(f"{name}.gz" for name in self._files())
        return fault(
            path,
            wrong,
            f"the official idx files {files} in {self.folder}, packed or unpacked",
            self.remedy,
        )


def _packed(path: Path) -> Path:
    return path.with_name(f"{path.name}.gz")
