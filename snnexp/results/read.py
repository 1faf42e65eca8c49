"""Results out of files that somebody else may have made."""

from pathlib import Path
from typing import Any

from snnexp.files.documents import read_json
from snnexp.files.foreign import Unreadable
from snnexp.files.visible import all_visible
from snnexp.results.fault import fault
from snnexp.results.run import RunResult


class NotAResult(Unreadable):
    """What a file holds is not the result of a run."""


def read_result(path: Path | str) -> RunResult:
    """The result of a run in a file. Raises `Unreadable`, which is `Absent` where there is no file,
    and says what is wrong with it.
    """
    return as_result(read_json(path), path)


def as_result(found: Any, path: Path | str) -> RunResult:
    """What was read from `path` as the result of a run, its texts as they can be shown. Raises
    `NotAResult`.
    """
    if wrong := fault(found):
        raise NotAResult(path, f"not the result of a run ({wrong})")
    return RunResult.from_json(all_visible(found))
