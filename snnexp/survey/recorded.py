"""The results of runs, as they lie about."""

import csv
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import snnexp
from snnexp.files.documents import read_json
from snnexp.files.foreign import Unreadable, read_regular
from snnexp.files.visible import one_line, visible
from snnexp.results.read import as_result, read_result
from snnexp.results.run import RunResult

HISTORY = "history.csv"
"""Beside recorded results: the paths of those that are history, and why."""
LARGEST_HISTORY = 2**20
"""Bytes of it that are read."""
OF_ANOTHER_KIND = ("wandb", "checkpoints", "evaluations")
"""Folders within runs in which no result stands for a row."""


def standing(results: list[RunResult], references: dict[str, dict[str, Any]]) -> list[RunResult]:
    """The results with what their experiments stand for today; a recorded run may be of a time when
    its experiment served other rows.

    Args:
        results: as they were read.
        references: of each experiment there is; a result of no such experiment keeps its own.
    """
    return [_of_today(result, references.get(str(result.last.experiment))) for result in results]


def _of_today(result: RunResult, today: dict[str, Any] | None) -> RunResult:
    own = result.last.reference
    if today is None or own is None:
        return result
    rows = [row for row in own.rows if row in today.get("rows", [])]
    facts = {
        key: today[key] for key in ("timesteps", "read_at") if key in today
    }  # of the paper, which a run may have had wrong
    reference = replace(own, rows=rows, **facts)
    return replace(result, last=replace(result.last, reference=reference))


def histories(folder: Path) -> dict[Path, str]:
    """Why results below `folder` are history: no commit, or not today's code, gives them again;
    from its `history.csv`.
    """
    try:
        lines = csv.DictReader(
            read_regular(folder / HISTORY, LARGEST_HISTORY).decode().splitlines()
        )
        return {Path(os.path.realpath(folder / line["path"])): line["why"] for line in lines}
    except (Unreadable, ValueError, KeyError, TypeError, csv.Error):
        return {}


def shipped() -> Path | None:
    """The folder of the recorded results that come with this package: in it where it is
    installed, beside it in a checkout; None where they are not there.
    """
    package = Path(snnexp.__file__).parent
    places = (package / "recorded", package.parent / "results")
    return next((place for place in places if (place / HISTORY).is_file()), None)


def result_files(folder: Path) -> Iterator[Path]:
    """The files below a folder that may be results: all of a collection, of a run the one."""
    for place, inner, names in os.walk(folder):
        inner[:] = sorted(name for name in inner if name not in OF_ANOTHER_KIND)
        is_run = {"status.json", "config.yaml", "result.json"} <= {*names}
        own = ["result.json"] if is_run else names
        yield from (Path(place, name) for name in own if name.endswith(".json"))


def recorded(folder: Path) -> dict[str, RunResult]:
    """The results below a folder by their paths within it, whatever they are about; files about
    something else are left out.
    """
    found: dict[str, RunResult] = {}
    for path in sorted(folder.rglob("*.json")):
        with suppress(Unreadable):
            found[path.relative_to(folder).as_posix()] = read_result(path)
    return found


def read_results(folders: list[Path]) -> list[RunResult]:
    """Every result below `folders` that stands for a row, each once; files are named `result.json`,
    or as one likes in a collection.

    What is meant as a result and is none is told on stderr and left out.
    """
    paths = {
        os.path.realpath(path) for folder in folders for path in result_files(folder)
    }  # Path.resolve fails at a loop of links
    results: dict[str, RunResult] = {}
    past = {path: why for folder in folders for path, why in histories(folder).items()}
    for path in sorted(paths):
        try:
            result = _result(path)
        except Unreadable as error:
            print(visible(f"snnexp: {error}; left out"), file=sys.stderr)
            continue
        if result is not None and result.last.reference is not None:
            key = json.dumps(result.to_json(), sort_keys=True)
            why = past.get(Path(path))
            results.setdefault(
                key, result if why is None else replace(result, history=one_line(why))
            )
    return [*results.values()]


def _result(path: str) -> RunResult | None:
    """The result in a file; None where the file is about something else, as `status.json` is."""
    found = read_json(path)
    if not isinstance(found, dict) or "stages" not in found:
        return None
    return as_result(found, path)
