"""The forms of recordings, by the suffix of their files."""

from collections.abc import Callable
from types import MappingProxyType

from snnexp.events import aedat2, aedat31
from snnexp.events.aedat2 import read_aedat2
from snnexp.events.aedat31 import read_aedat31
from snnexp.events.events import Damaged, Events
from snnexp.events.nmnist_binary import read_nmnist_binary
from snnexp.events.npz import read_npz

Reader = Callable[[bytes], Events]
"""From the bytes of a recording to its events. Raises `Damaged`."""
_VERSIONS = {aedat2.VERSION: read_aedat2, aedat31.VERSION: read_aedat31}


def read_aedat(content: bytes) -> Events:
    """AEDAT 2.0 or 3.1, whichever the first line says. Raises `Damaged`."""
    for version, read in _VERSIONS.items():
        if content.startswith(version):
            return read(content)
    known = " nor ".join(version.decode() for version in _VERSIONS)
    raise Damaged(f"its first line is neither {known}")


READERS = MappingProxyType({".aedat": read_aedat, ".bin": read_nmnist_binary, ".npz": read_npz})
"""By the suffix of a file, in small letters."""
