"""The configuration that a run has left in its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snnexp.composition.placeless import places_in
from snnexp.datasets.base import DataError
from snnexp.files.documents import read_yaml
from snnexp.files.foreign import Absent, Unreadable
from snnexp.files.weights import is_published

EXPECTED = "Expected: the folder of a finished run, as `snnexp train` prints it at its end"
CONFIG = "config.yaml"


def stored(run: Path) -> Mapping[str, Any]:
    """The configuration of a run, or of a published network, as it was written. Raises `DataError`
    where it is missing or none, or where a published one names folders.
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
    if is_published(run):
        _refuse_places(path, found)
    return found


def _refuse_places(path: Path, config: Mapping[str, Any]) -> None:
    found = [*places_in(config)]
    if found:
        raise DataError(
            f"{path}: names folders, which a published network does not: {'; '.join(found)}. "
            "Expected: the file as `snnexp publish` wrote it; where your data are is for you to "
            "say, with data_dir=DIR"
        )
