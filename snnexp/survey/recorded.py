"""The results of runs, as they lie about."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from snnexp.documents import read_json
from snnexp.foreign import Unreadable
from snnexp.survey.schema import fault
from snnexp.visible import all_visible, visible

Result = dict[str, Any]


def standing(results: list[Result], served: dict[str, list[str]]) -> list[Result]:
    """The results with the rows that their experiments serve today; a recorded run may be of a time when its experiment served others.

    Args:
        results: as they were read.
        served: rows of each experiment there is; a result of no such experiment keeps its own.
    """
    return [_of_today(result, served.get(str(result.get("experiment")))) for result in results]


def _of_today(result: Result, served: list[str] | None) -> Result:
    own = result["reference"].get("rows", [])
    return result if served is None else {**result, "reference": {**result["reference"], "rows": [row for row in own if row in served]}}


def read_results(folders: list[Path]) -> list[Result]:
    """Every result below `folders` that stands for a row, each once; files are named `result.json`, or as one likes in a collection.

    What is meant as a result and is none is told on stderr and left out.
    """
    found = {os.path.realpath(path) for folder in folders for path in folder.rglob("*.json")}  # Path.resolve fails at a loop of links
    results: dict[str, Result] = {}
    for path in sorted(found):
        try:
            result = _result(path)
        except Unreadable as error:
            print(visible(f"snnexp: {error}; left out"), file=sys.stderr)
            continue
        if result is not None and result.get("reference"):
            results.setdefault(json.dumps(result, sort_keys=True), all_visible(result))
    return [*results.values()]


def _result(path: str) -> Result | None:
    """The result in a file; None where the file is about something else, as `status.json` is."""
    found = read_json(path)
    if not isinstance(found, dict) or "stages" not in found:
        return None
    if wrong := fault(found):
        raise Unreadable(path, f"not the result of a run ({wrong})")
    return found
