"""Frames kept in a file that is mapped into memory: there may be more of them than memory holds."""

import logging
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Shaped

from snnexp.datasets.cache import alone
from snnexp.errors import OutOfMemory
from snnexp.files.atomic import replacing
from snnexp.files.disk import writing
from snnexp.files.foreign import Unreadable, regular

IN_MEMORY = 2**30
"""Bytes of frames that are held in memory as a whole."""
BYTES = np.dtype(np.uint8)
_log = logging.getLogger(__name__)

Frames = Shaped[np.ndarray, "N *sample"]
Rows = Callable[[], Iterator[Shaped[np.ndarray, "*sample"]]]
"""What makes the frames of one sample after the other."""


def mapped(
    path: Path, key: str, shape: tuple[int, ...], rows: Rows, dtype: np.dtype = BYTES
) -> Frames:
    """The frames kept at `path` if they were kept under the same `key`, or newly made of `rows` and
    kept.

    A file is one array as NumPy writes it (`.npy`), and its key behind it. It appears whole or not
    at all; one of another length, or under another key, is made again. Of several processes one
    makes it and the others wait; if it is killed, the next one does. Where the folder cannot be
    written the frames are made in memory, unless they are too many.

    Args:
        path: of the file.
        key: says what the frames are made of, in ASCII.
        shape: of all frames, `[N, *sample]`.
        rows: makes the N samples in order; it may be called twice.
        dtype: of the frames.

    Raises:
        OutOfMemory: the folder cannot be written, and the frames take more than `IN_MEMORY`.
    """
    found = _opened(path, key, shape, dtype)
    if found is not None:
        return found
    with alone(path):
        found = _opened(path, key, shape, dtype)  # whoever was there before may have made it
        return _made(path, key, shape, rows, dtype) if found is None else found


def _made(path: Path, key: str, shape: tuple[int, ...], rows: Rows, dtype: np.dtype) -> Frames:
    size = math.prod(shape) * dtype.itemsize
    try:
        with writing(path, size), replacing(path) as draft, draft.open("xb") as file:
            _write(file, key, shape, rows(), dtype)
    except OSError as error:
        _refuse_many(path, size, error)
        return np.stack(list(rows()))
    found = _opened(path, key, shape, dtype)
    return np.stack(list(rows())) if found is None else found


def _write(
    file: BinaryIO, key: str, shape: tuple[int, ...], rows: Iterator[np.ndarray], dtype: np.dtype
) -> None:
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for row in rows:
        file.write(row)
    file.write(key.encode("ascii"))


def _refuse_many(path: Path, size: int, error: OSError) -> None:
    wrong = f"{path} could not be written ({error})"
    if size > IN_MEMORY:
        raise OutOfMemory(
            f"{wrong}, and its {size} bytes of frames are too many for memory. Let {path.parent} "
            "be written, make room for it, or set dataset.frames.size lower"
        ) from error
    _log.warning("%s; its frames will be made again next time", wrong)


def _opened(path: Path, key: str, shape: tuple[int, ...], dtype: np.dtype) -> Frames | None:
    """The kept frames; None where there is nothing, or something else."""
    try:
        with regular(path) as file:
            start = _start(file, shape, dtype)
            if _is_whole(file, key, start + math.prod(shape) * dtype.itemsize):
                return np.memmap(file, dtype, "r", offset=start, shape=shape)
    except (Unreadable, ValueError, OSError):  # as NumPy says of a header that is none
        pass
    return None


def _start(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Where the array begins, behind its header. Raises ValueError unless it has this shape."""
    magic = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0(file)
    if (magic, header) != ((1, 0), (shape, False, dtype)):
        raise ValueError("not an array of these frames")
    return file.tell()


def _is_whole(file: BinaryIO, key: str, end: int) -> bool:
    """Whether the array goes to `end`, and nothing but the key follows."""
    if os.fstat(file.fileno()).st_size != end + len(key):
        return False
    file.seek(end)
    return file.read(len(key)) == key.encode("ascii")
