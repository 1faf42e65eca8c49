"""Files that somebody else may have made: whatever stands at a path, reading it ends, and takes no
more memory than was meant.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PART = 2**20
"""Bytes read at a time."""


class Unreadable(Exception):
    """A file does not hold what it should; `why` says what it holds, or that it is not there."""

    def __init__(self, path: Path | str, why: str):
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


class Absent(Unreadable):
    """There is no such file."""


def read_regular(path: Path | str, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes; a named pipe, a device, a folder, a
    link to one of these is none.

    Raises:
        Absent: nothing is there.
        Unreadable: it is another thing, larger, or may not be read.
    """
    with regular(path) as file:
        return _whole(file, path, limit)


@contextmanager
def regular(path: Path | str) -> Iterator[BinaryIO]:
    """Lends a regular file, opened once, so that what is looked at is what is read. Raises as
    `read_regular` does.
    """
    try:
        # Without O_NONBLOCK opening a named pipe waits for somebody who writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        raise Absent(path, "not there") from None
    except (OSError, ValueError) as error:  # a ValueError is of a name with a null character
        raise Unreadable(
            path, f"cannot be read ({getattr(error, 'strerror', None) or error})"
        ) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unreadable(path, "not a regular file")
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def sha256(file: BinaryIO) -> str:
    """SHA-256 of a file that `regular` lends, a piece at a time, as far as it goes now: it may grow
    meanwhile.
    """
    digest, left = hashlib.sha256(), os.fstat(file.fileno()).st_size
    while left > 0 and (piece := file.read(min(PART, left))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()


def _whole(file: BinaryIO, path: Path | str, limit: int) -> bytes:
    size = os.fstat(file.fileno()).st_size
    if size > limit:
        raise Unreadable(path, f"{size} bytes, more than the {limit} that such a file may have")
    data = bytearray()
    try:
        # Until the end: a file may grow meanwhile, and one below /proc says nothing of its size.
        while part := os.read(file.fileno(), PART):
            data += part
            if len(data) > limit:
                raise Unreadable(path, f"more than the {limit} bytes that such a file may have")
    except OSError as error:
        raise Unreadable(path, f"cannot be read ({error.strerror})") from error
    return bytes(data)
