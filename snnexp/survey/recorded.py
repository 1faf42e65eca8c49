"""The results of runs, as they lie about."""

import json
import sys
from pathlib import Path
from typing import Any

Result = dict[str, Any]


class Unreadable(Exception):
    """A file or folder does not hold what it should; the message says what it holds, or that it is not there."""


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises `Unreadable`."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Unreadable(f"{path}: not there") from None
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path}: cannot be read ({error})") from None


def is_result(found: Any) -> bool:
    """Whether `found` has the form of a result."""
    blocks = found.get("stages") if isinstance(found, dict) else None
    blocks = [*blocks.values()] if isinstance(blocks, dict) else []
    return bool(blocks) and all(isinstance(each, dict) and "accuracy" in each and each.get("accuracy_by_timestep") for each in blocks)


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

    A file that cannot be read is told on stderr and left out.
    """
    found = {path.resolve() for folder in folders for path in folder.rglob("*.json")}
    results: dict[str, Result] = {}
    for path in sorted(found):
        try:
            result = read_json(path)
        except Unreadable as error:
            print(f"snnexp: {error}; left out", file=sys.stderr)
            continue
        if is_result(result) and isinstance(result.get("reference"), dict):
            results.setdefault(json.dumps(result, sort_keys=True), result)
    return [*results.values()]
