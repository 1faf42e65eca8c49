"""MNIST and the sets that share its file format."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from snnexp.datasets.base import TEST_OFFSET, DataError, Source, Split, fault, numbered, status_of
from snnexp.datasets.published import download, download_command, has_md5, torchvision_class

_UNSIGNED_BYTE = 8


class IdxFiles(Source):
    """Four idx files in `DATA_DIR/<name>/raw`, unpacked or as .gz: 28 x 28 grey images of 10 classes.

    Args:
        data_dir: folder that holds `<name>`; may start with `~`.
        name: torchvision's class for the set, which is also its folder.
    """

    classes = 10
    shape = (1, 28, 28)
    train_samples = 60_000

    def __init__(self, data_dir: str, name: str):
        self.name = name
        self.root = Path(data_dir).expanduser()
        self.folder = self.root / name / "raw"
        self.remedy = download_command(name, self.root)

    def read(self) -> tuple[Split, Split]:
        """Training and test samples in the official order. Raises `DataError`."""
        return numbered(*self._split("train")), numbered(*self._split("t10k"), first=TEST_OFFSET)

    def status(self) -> str:
        """`ready`, or the missing files."""
        return status_of({path: path.exists() or _packed(path).exists() for path in map(self.folder.joinpath, self._files())})

    def verify(self) -> str:
        """Form of all files; published MD5 of the .gz files that are there, and that the unpacked ones agree with them."""
        self.read()
        hashed = [self._verified(self.folder / packed, md5) for packed, md5 in torchvision_class(self.name).resources]
        return f"form of {len(hashed)} files, MD5 of {sum(hashed)} .gz files (the published ones are of those)"

    def prepare(self) -> str:
        """Downloads what is missing with torchvision."""
        if self.status() != "ready":
            download(self.name, self.root)
        return f"ready in {self.folder}"

    def _files(self) -> list[str]:
        return [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]

    def _split(self, part: str) -> tuple[Tensor, Tensor]:
        images = self._array(f"{part}-images-idx3-ubyte", axes=3)
        labels = self._array(f"{part}-labels-idx1-ubyte", axes=1)
        path = self.folder / f"{part}-images-idx3-ubyte"
        if images.shape != (len(labels), *self.shape[1:]):
            raise self._fault(path, f"it holds an array {list(images.shape)} for {len(labels)} labels")
        if len(labels) == 0 or labels.max() >= self.classes:
            raise self._fault(self.folder / f"{part}-labels-idx1-ubyte", "there are no labels or some are not class numbers")
        return torch.from_numpy(images)[:, None], torch.from_numpy(labels).long()

    def _array(self, name: str, axes: int) -> np.ndarray:
        """An idx file: two zero bytes, the type, the number of axes, their lengths (32 bits, big-endian), and the values."""
        path = self.folder / name
        content = self._content(path)
        start = 4 + 4 * axes
        if len(content) < start or content[:4] != bytes([0, 0, _UNSIGNED_BYTE, axes]):
            raise self._fault(path, "it does not start with the header of such a file")
        lengths = struct.unpack(f">{axes}I", content[4:start])
        if len(content) - start != math.prod(lengths):
            raise self._fault(path, f"the header announces {math.prod(lengths)} bytes and {len(content) - start} follow")
        return np.frombuffer(bytearray(content), np.uint8, offset=start).reshape(lengths)

    def _content(self, path: Path) -> bytes:
        try:
            return path.read_bytes() if path.exists() else gzip.decompress(_packed(path).read_bytes())
        except FileNotFoundError:
            raise self._fault(path, "missing") from None
        except (OSError, EOFError, zlib.error) as error:
            raise self._fault(path if path.exists() else _packed(path), f"unreadable ({error})") from error

    def _verified(self, packed: Path, md5: str) -> bool:
        """Whether there is a .gz, which then is the published one."""
        if not packed.exists():
            return False
        if not has_md5(packed, md5):
            raise self._fault(packed, f"its MD5 is not the published {md5}")
        unpacked = packed.with_suffix("")
        if unpacked.exists() and unpacked.read_bytes() != gzip.decompress(packed.read_bytes()):
            raise self._fault(unpacked, f"it is not what {packed.name} contains")
        return True

    def _fault(self, path: Path, wrong: str) -> DataError:
        files = ", ".join(f"{name}.gz" for name in self._files())
        return fault(path, wrong, f"the official idx files {files} in {self.folder}, packed or unpacked", self.remedy)


def _packed(path: Path) -> Path:
    return path.with_name(f"{path.name}.gz")
