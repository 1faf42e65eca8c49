"""Files that appear whole or not at all: what was there before stays good until its successor is complete on the disk."""

import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Lends a draft file beside `path`; it takes the place of `path` when the block ends well, and vanishes when it does not.

    A folder that is not there yet is made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path)
    try:
        yield draft
        _sync(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_bytes(path: Path | str, data: bytes | memoryview) -> None:
    """Writes `data` whole or not at all."""
    with replacing(path) as draft:
        draft.write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """Writes `text` as UTF-8, whole or not at all; what is no text in it, as bytes of file names may be, as an escape (of JSON, too)."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path | str, value: Any) -> None:
    """Writes `value` as strict, indented JSON, whole or not at all; NaN and infinities become null."""
    write_text(path, dumps(value, indent=2) + "\n")


def create_json(path: Path | str, value: Any) -> None:
    """Writes `value` as JSON where nothing is yet, or raises FileExistsError; of several writers at once one succeeds."""
    path = Path(path)
    draft = _draft(path)
    try:
        write_json(draft, value)
        _publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def remove_drafts(folder: Path) -> None:
    """Takes away what writers that were killed have left in a folder; whoever owns it calls this, since it would take a live one's too."""
    for draft in folder.glob(".*.draft"):
        if not draft.name.startswith(".status.json."):  # by which others ask for the folder, even now
            draft.unlink(missing_ok=True)


def dumps(value: Any, indent: int | None = None) -> str:
    """Strict JSON of `value`, in the order of its keys."""
    return json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """`value` in dicts, lists, strings, numbers and None alone: tensors and arrays as lists, NaN and infinities as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # numpy and torch, without importing either
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _draft(path: Path) -> Path:
    # Not `tempfile`: only their owner can read its files, and results are shared. Beside `path`, since a rename stays on one file system.
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(3)}.draft")


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _publish(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)  # exclusive, and nobody ever sees the file without its content
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: exclusive still, but not whole in the blink of an eye
        with path.open("xb") as file:
            file.write(draft.read_bytes())
