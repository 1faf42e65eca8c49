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
