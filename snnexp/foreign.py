"""Files that somebody else may have made: whatever stands at a path, reading it ends, and takes no more memory than was meant."""

import os
import stat
from pathlib import Path

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
    """The bytes of a regular file of at most `limit` bytes; a named pipe, a device, a folder, a link to one of these is none.

    Raises:
        Absent: nothing is there.
        Unreadable: it is another thing, larger, or may not be read.
    """
    try:
        # Without O_NONBLOCK opening a named pipe waits for somebody who writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        raise Absent(path, "not there") from None
    except (OSError, ValueError) as error:  # a ValueError is of a name with a null character
        raise Unreadable(path, f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    try:
        return _whole(descriptor, path, limit)
    finally:
        os.close(descriptor)


def _whole(descriptor: int, path: Path | str, limit: int) -> bytes:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable(path, "not a regular file")
    if found.st_size > limit:
        raise Unreadable(path, f"{found.st_size} bytes, more than the {limit} that such a file may have")
    data = bytearray()
    try:
        while part := os.read(descriptor, PART):  # until the end: a file may grow meanwhile, and one below /proc says nothing of its size
            data += part
            if len(data) > limit:
                raise Unreadable(path, f"more than the {limit} bytes that such a file may have")
    except OSError as error:
        raise Unreadable(path, f"cannot be read ({error.strerror})") from error
    return bytes(data)
