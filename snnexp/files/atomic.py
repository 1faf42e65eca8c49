"""Files that appear whole or not at all: what was there before stays good until its successor is
complete on the disk.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from snnexp.files.disk import writing
from snnexp.files.drafts import draft_of


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Lends a draft file beside `path`; it takes the place of `path` when the block ends well, and
    vanishes when it does not.

    A folder that is not there yet is made. The new file outlasts a power cut from the end of the
    block on.
    """
    path = Path(path)
    make_folder(path.parent)
    draft = draft_of(path)
    try:
        yield draft
        _sync(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_bytes(path: Path | str, data: bytes | memoryview) -> None:
    """Writes `data` whole or not at all. Raises `NoRoom` where the disk is full."""
    with writing(path, len(data)), replacing(path) as draft:
        draft.write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """Writes `text` as UTF-8, whole or not at all; what is no text in it, as bytes of file names
    may be, as an escape (of JSON, too).

    Raises `NoRoom` where the disk is full.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path | str, value: Any) -> None:
    """Writes `value` as strict, indented JSON, whole or not at all; NaN and infinities become
    null.
    """
    write_bytes(path, _json(value))


def create_json(path: Path | str, value: Any) -> None:
    """Writes `value` as JSON where nothing is yet, or raises FileExistsError; of several writers at
    once one succeeds.
    """
    path, data = Path(path), _json(value)
    make_folder(path.parent)
    draft = draft_of(path)
    try:
        with writing(path, len(data)):
            with draft.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _publish(draft, data, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it; they outlast a power cut."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in reversed(missing):
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Has the names in a folder written to the disk, where the system can: a file that is there may
    otherwise be gone after a power cut.
    """
    with suppress(OSError):
        place = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)


def dumps(value: Any, indent: int | None = None) -> str:
    """Strict JSON of `value`, in the order of its keys."""
    return json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """`value` in dicts, lists, strings, numbers and None alone: tensors and arrays as lists, NaN
    and infinities as None.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # numpy and torch, without importing either
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _json(value: Any) -> bytes:
    return f"{dumps(value, indent=2)}\n".encode()


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _publish(draft: Path, data: bytes, path: Path) -> None:
    try:
        os.link(draft, path)  # exclusive, and nobody ever sees the file without its content
    except FileExistsError:
        raise
    except OSError:
        # No hard links, or the draft was held for dead: exclusive still, but not whole at once.
        with path.open("xb") as file:
            file.write(data)
