"""The configuration that a run has left in its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snnexp.datasets.base import DataError
from snnexp.files.documents import read_yaml
from snnexp.files.foreign import Absent, Unreadable

EXPECTED = "Expected: the folder of a finished run, as `snnexp train` prints it at its end"
CONFIG = "config.yaml"


def stored(run: Path) -> Mapping[str, Any]:
    """The configuration of a run as it was written. Raises `DataError` where it is missing or
    none.
    """
    path = run / CONFIG
    try:
        found = read_yaml(path)
    except Absent as error:
        raise DataError(f"{error}. {EXPECTED}") from None
    except Unreadable as error:
        raise DataError(f"{error}. {EXPECTED}, with the file as it was written") from None
    if not isinstance(found, Mapping):
        raise DataError(f"{path}: not the configuration of a run. {EXPECTED}")
    return found
