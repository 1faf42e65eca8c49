"""The results of runs, as they lie about."""

import csv
import json
import os
import sys
from pathlib import Path
from typing import Any

from snnexp.files.documents import read_json
from snnexp.files.foreign import Unreadable, read_regular
from snnexp.files.visible import all_visible, visible
from snnexp.survey.schema import fault

Result = dict[str, Any]
HISTORY = "history.csv"
"""Beside recorded results: the paths of those that are history, and why."""
LARGEST_HISTORY = 2**20
"""Bytes of it that are read."""


def standing(results: list[Result], references: dict[str, dict[str, Any]]) -> list[Result]:
    """The results with what their experiments stand for today; a recorded run may be of a time when its experiment served other rows.

    Args:
        results: as they were read.
        references: of each experiment there is; a result of no such experiment keeps its own.
    """
    return [_of_today(result, references.get(str(result.get("experiment")))) for result in results]


def _of_today(result: Result, today: dict[str, Any] | None) -> Result:
    if today is None:
        return result
    own = result["reference"]
    told = {"rows": [row for row in own.get("rows", []) if row in today.get("rows", [])]}
    told |= {key: today[key] for key in ("timesteps", "read_at") if key in today}  # facts of the paper, which a run may have had wrong
    return {**result, "reference": {**own, **told}}


def histories(folder: Path) -> dict[Path, str]:
    """Why results below `folder` are history: no commit, or not today's code, gives them again; from its `history.csv`."""
    try:
        lines = csv.DictReader(read_regular(folder / HISTORY, LARGEST_HISTORY).decode().splitlines())
        return {Path(os.path.realpath(folder / line["path"])): line["why"] for line in lines}
    except (Unreadable, ValueError, KeyError, TypeError, csv.Error):
        return {}


def read_results(folders: list[Path]) -> list[Result]:
    """Every result below `folders` that stands for a row, each once; files are named `result.json`, or as one likes in a collection.

    What is meant as a result and is none is told on stderr and left out.
    """
    found = {os.path.realpath(path) for folder in folders for path in folder.rglob("*.json")}  # Path.resolve fails at a loop of links
    results: dict[str, Result] = {}
    past = {path: why for folder in folders for path, why in histories(folder).items()}
    for path in sorted(found):
        try:
            result = _result(path)
        except Unreadable as error:
            print(visible(f"snnexp: {error}; left out"), file=sys.stderr)
            continue
        if result is not None and result.get("reference"):
            told = result if (why := past.get(Path(path))) is None else {**result, "history": why}
            results.setdefault(json.dumps(result, sort_keys=True), all_visible(told))
    return [*results.values()]


def _result(path: str) -> Result | None:
    """The result in a file; None where the file is about something else, as `status.json` is."""
    found = read_json(path)
    if not isinstance(found, dict) or "stages" not in found:
        return None
    if wrong := fault(found):
        raise Unreadable(path, f"not the result of a run ({wrong})")
    return found
