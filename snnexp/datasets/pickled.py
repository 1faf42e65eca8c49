"""Pickles of lists, texts and tables of numbers, read without anything of numpy or of the file
being called.

A pickle is a program. Python's own reader runs it in plain Python here, which reserves no more
memory than the file has bytes, without the instructions that make objects, and every name in it
stands for a function of this module.
"""

import io
import math
import pickle
from typing import Any

import numpy as np

_WIDTHS = {"u1": 1, "i4": 4, "i8": 8}
_LITTLE_ENDIAN = ("|", "<", "=")
_MOST_AXES = 8


class Refused(Exception):
    """A pickle holds something else than lists, texts and tables of numbers."""


def load(data: bytes) -> Any:
    """What a pickle holds, the tables of numbers in a dictionary as arrays of their own. Raises
    whatever a damaged pickle leads to.
    """
    content = _Reader(io.BytesIO(data), encoding="latin1").load()
    if not isinstance(content, dict):
        return content
    return {
        name: value.array if isinstance(value, _Table) else value for name, value in content.items()
    }


class _Kind:
    """Stands for numpy's description of a number."""

    def __init__(self, name: object):
        if name not in _WIDTHS:
            raise Refused(f"numbers of the kind {str(name)[:20]!r}")
        self.name = name

    def fill(self, state: tuple) -> None:
        """The order of the bytes; whatever makes of numbers more than that is refused."""
        _, order, *rest = state
        if order not in _LITTLE_ENDIAN or any(each is not None for each in rest[:3]):
            raise Refused("numbers in another order of bytes, or with parts")


class _Table:
    """Stands for an array until its numbers come."""

    array: np.ndarray | None = None

    def fill(self, state: tuple) -> None:
        """Shape, kind and bytes have to agree."""
        _, shape, kind, by_columns, data = state
        data = (
            data.encode("latin1") if isinstance(data, str) else data
        )  # as Python 2 has written it
        sound = (
            isinstance(shape, tuple)
            and len(shape) <= _MOST_AXES
            and all(type(side) is int and side >= 0 for side in shape)
        )
        if (
            not sound
            or type(kind) is not _Kind
            or type(data) is not bytes
            or len(data) != math.prod(shape) * _WIDTHS[kind.name]
        ):
            raise Refused("a table whose bytes are not those of its shape")
        self.array = np.frombuffer(data, f"<{kind.name}").reshape(
            shape, order="F" if by_columns is True or by_columns == 1 else "C"
        )


def _table(*_: object) -> _Table:
    return _Table()


def _kind(name: object, *_: object) -> _Kind:
    return _Kind(name)


def _bytes(text: object, coding: object) -> bytes:
    if type(text) is not str or coding != "latin1":
        raise Refused("bytes in another coding")
    return text.encode("latin1")


_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): _table,
    ("numpy._core.multiarray", "_reconstruct"): _table,
    ("numpy", "ndarray"): None,
    ("numpy", "dtype"): _kind,
    ("_codecs", "encode"): _bytes,
}
_MAKERS = (
    *(pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.PERSID, pickle.BINPERSID),
    *(pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER),
)


class _Reader(pickle._Unpickler):
    """The reader in plain Python: its memory is a dictionary, where the one in C reserves as much
    as a file asks for.
    """

    dispatch = {
        code: run
        for code, run in pickle._Unpickler.dispatch.items()
        if bytes([code]) not in _MAKERS
    }

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of one of the few names."""
        if (module, name) not in _NAMES:
            raise Refused(f"{str(module)[:40]}.{str(name)[:40]} has no place in such a file")
        return _NAMES[module, name]

    def load_build(self) -> None:
        """Hands an object its content; only the two of this module take any."""
        state = self.stack.pop()
        made = self.stack[-1]
        if not isinstance(made, _Kind | _Table) or not isinstance(state, tuple):
            raise Refused("content for something that takes none")
        made.fill(state)

    dispatch[pickle.BUILD[0]] = load_build
