"""What a disk that takes no more says: which file, how many bytes it needs, and how many are
free.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What is said where a disk is full, a quota is used up, and a file may not be longer (`ulimit
-f`).
"""


class NoRoom(OSError):
    """A disk is full, a quota is used up, or a file may not be so long; the message names the file
    and the bytes. Exit code 4.
    """

    def __init__(self, number: int, path: Path, size: int):
        super().__init__(number, os.strerror(number), str(path))
        self.size, self.free = size, _free(path)

    def __str__(self) -> str:
        free = "" if self.free is None else f", {self.free} are free"
        remedy = "allow longer files (ulimit -f)" if self.errno == errno.EFBIG else "make room"
        return (
            f"{self.strerror}: {self.filename} needs {self.size} bytes{free}; {remedy}, and start "
            "the run again in its folder"
        )


@contextmanager
def writing(path: Path | str, size: int) -> Iterator[None]:
    """Within the block `size` bytes are written to `path`, or to a draft of it; if there is no room
    for them, the error says so.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL or isinstance(error, NoRoom):
            raise
        raise NoRoom(error.errno, Path(path), size) from error


def _free(path: Path) -> int | None:
    """Free bytes where `path` is to be, None where the system does not say."""
    folder = next((each for each in path.absolute().parents if each.is_dir()), None)
    try:
        state = os.statvfs(folder)
    except (OSError, TypeError, AttributeError):
        return None
    return state.f_bavail * state.f_frsize
