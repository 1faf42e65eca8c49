"""Recordings as NumPy keeps arrays: t, x, y and p in one `.npz`."""

import io
import math
import zipfile

import numpy as np
from jaxtyping import Int64

from snnexp.events.events import Damaged, Events

LARGEST = 2**28
"""Bytes of an array, once it is unpacked."""
LATEST = 2**62
"""µs, beyond which differences of times are no 64-bit numbers."""
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(content: bytes) -> Events:
    """Four arrays of one length: `t` in µs, `x` columns, `y` rows, `p` 1 for ON, and 0 or -1 for
    OFF.

    All are whole numbers, `p` may be true and false. Nothing in the file is run.

    Raises:
        Damaged: no such file, an array is missing, is of another kind or another length.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as kept:
            t, x, y, p = (_column(kept, name) for name in ("t", "x", "y", "p"))
    except Damaged:
        raise
    except Exception as error:  # a damaged archive can raise anything
        raise Damaged(f"no .npz of arrays ({type(error).__name__}: {error})") from error
    lengths = {name: len(column) for name, column in zip("txyp", (t, x, y, p), strict=True)}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise Damaged(f"its arrays have different lengths: {said}")
    if len(t) and max(-int(t.min()), int(t.max())) > LATEST:
        raise Damaged("its t goes beyond 2^62 µs")
    return Events(t, x, y, _polarity(p))


def _polarity(p: Int64[np.ndarray, "N"]) -> Int64[np.ndarray, "N"]:
    values = set(np.unique(p).tolist())
    if not values <= {0, 1} and not values <= {-1, 1}:
        raise Damaged("its p is neither 0 and 1 nor -1 and 1")
    return (p > 0).astype(np.int64)


def _column(kept: zipfile.ZipFile, name: str) -> Int64[np.ndarray, "N"]:
    """An array of whole numbers. What its header announces is reserved only if the archive holds as
    much.
    """
    if f"{name}.npy" not in kept.namelist():
        raise Damaged(f"there is no array {name} in it; it takes t, x, y and p")
    info = kept.getinfo(f"{name}.npy")
    with kept.open(info) as member:
        shape, _, kind = _HEADERS[np.lib.format.read_magic(member)](member)
        if len(shape) != 1 or kind.kind not in "biu":
            raise Damaged(f"its array {name} is no list of whole numbers, but {kind} {list(shape)}")
        size = math.prod(shape) * kind.itemsize
        if member.tell() + size != info.file_size or size > LARGEST:
            raise Damaged(f"its array {name} announces {size} bytes, which are not there")
        values = np.frombuffer(member.read(), kind)
    if kind.kind == "u" and len(values) and int(values.max()) >= 2**63:
        raise Damaged(f"its array {name} has numbers beyond 2^63")
    return values.astype(np.int64)
