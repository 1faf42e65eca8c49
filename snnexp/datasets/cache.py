"""Arrays kept in a file that is written whole or not at all."""

import logging
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from snnexp.atomic import make_folder, replacing
from snnexp.disk import writing
from snnexp.drafts import remove_dead_drafts

Arrays = dict[str, np.ndarray]

_KEY = "key"
_log = logging.getLogger(__name__)


def cached(path: Path, key: str, build: Callable[[], Arrays]) -> Arrays:
    """The arrays kept at `path` if they were kept under the same `key`, or newly built and kept.

    A damaged file is built again. A folder that cannot be written costs time, not the run: the arrays are then built every time.
    """
    found = _read(path, key)
    if found is not None:
        return found
    arrays = build()
    try:
        _write(path, {_KEY: np.array(key), **arrays})
    except OSError as error:
        _log.warning("%s could not be written (%s); its content will be built again next time", path, error)
    return arrays


def _read(path: Path, key: str) -> Arrays | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept[_KEY]) != key:
                return None
            return {name: kept[name] for name in kept.files if name != _KEY}
    except (OSError, EOFError, ValueError, LookupError, zipfile.BadZipFile):
        return None


def _write(path: Path, arrays: Arrays) -> None:
    """Whoever opens `path`, now or after a power cut, finds the old file or the whole new one."""
    make_folder(path.parent)
    remove_dead_drafts(path.parent)
    with writing(path, sum(array.nbytes for array in arrays.values())), replacing(path) as draft, draft.open("xb") as file:
        np.savez(file, **arrays)
