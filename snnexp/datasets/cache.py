"""Arrays kept in a file that is written whole or not at all, by one process at a time."""

import io
import logging
import math
import os
import stat
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from snnexp.files.atomic import replacing

try:
    import fcntl
except ImportError:  # Windows: whoever needs a cache builds it
    fcntl = None

Arrays = dict[str, np.ndarray]

PATIENCE = 600.0
"""Seconds after which one does not wait for another's cache any longer: the work is then done
twice, and never wrong.
"""
_KEY = "key"
_PIECE = 1 << 24
_log = logging.getLogger(__name__)


def cached(path: Path, key: str, build: Callable[[], Arrays]) -> Arrays:
    """The arrays kept at `path` if they were kept under the same `key`, or newly built and kept.

    A damaged file is built again. Of several processes one builds and the others wait for it; if it
    is killed, the next one builds. A folder that cannot be written costs time, not the run: the
    arrays are then built every time.
    """
    found = _read(path, key)
    if found is not None:
        return found
    with alone(path):
        found = _read(path, key)  # whoever was there before may have built it
        return _built(path, key, build) if found is None else found


def _built(path: Path, key: str, build: Callable[[], Arrays]) -> Arrays:
    arrays = build()
    try:
        with replacing(path) as draft, draft.open("xb") as file:
            np.savez(file, **{_KEY: np.array(key), **arrays})
    except OSError as error:
        _log.warning(
            "%s could not be written (%s); its content will be built again next time", path, error
        )
    return arrays


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Within the block no other process is in the block for the folder of `path`. The system ends a
    lock with its process, however that ends.
    """
    descriptor = _locked(path)
    try:
        for draft in (
            path.parent.glob(f".{path.name}.*.draft") if descriptor is not None else ()
        ):  # of builders that were killed
            draft.unlink(missing_ok=True)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _locked(path: Path) -> int | None:
    """The lock of the folder; None where there is no such thing, or another process does not come
    to an end.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(
            path.parent, os.O_RDONLY | os.O_NONBLOCK | os.O_DIRECTORY | os.O_CLOEXEC
        )
    except (OSError, AttributeError):
        return None
    try:
        if _lock(descriptor, path):
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _lock(descriptor: int, path: Path) -> bool:
    begun, told = time.monotonic(), False
    while fcntl is not None and time.monotonic() - begun < PATIENCE:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if not told:
                _log.warning("waiting for another process that builds %s", path)
            told = True
            time.sleep(0.1)
        except OSError:  # a file system without locks
            return False
    return False


def _read(path: Path, key: str) -> Arrays | None:
    try:
        with _regular(path) as file, zipfile.ZipFile(file) as kept:
            if str(_array(kept, f"{_KEY}.npy")) != key:
                return None
            return {
                name.removesuffix(".npy"): _array(kept, name)
                for name in kept.namelist()
                if name != f"{_KEY}.npy"
            }
    except Exception:  # a damaged file can raise anything, and what is built anew is right
        return None


def _regular(path: Path) -> io.BufferedReader:
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise ValueError("not a regular file")


def _array(kept: zipfile.ZipFile, name: str) -> np.ndarray:
    """A kept array. What its header announces is reserved only if the file holds as much. Raises
    ValueError.
    """
    info = kept.getinfo(name)
    with kept.open(info) as member:
        shape, columns_first, kind = _header(member)
        size = math.prod(shape) * kind.itemsize
        if (
            info.compress_type != zipfile.ZIP_STORED
            or columns_first
            or kind.hasobject
            or member.tell() + size != info.file_size
        ):
            raise ValueError("not an array of plain numbers")
        if info.file_size > os.fstat(kept.fp.fileno()).st_size:
            raise ValueError("more is announced than is there")
        data = bytearray(size)
        for start in range(0, size, _PIECE):
            data[start : start + _PIECE] = member.read(min(_PIECE, size - start))
        return np.frombuffer(data, kind).reshape(shape)


def _header(member: zipfile.ZipExtFile) -> tuple[tuple[int, ...], bool, np.dtype]:
    versions = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    return versions[np.lib.format.read_magic(member)](member)
