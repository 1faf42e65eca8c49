"""What a report tells, for machines: JSON within the page, and the runs out of it again."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snnexp.files.atomic import plain
from snnexp.files.documents import parsed
from snnexp.files.foreign import Unreadable, read_regular
from snnexp.files.visible import all_visible
from snnexp.report.comparison import Run
from snnexp.report.material import Material, Subject
from snnexp.results.read import as_result

FORMAT = 1
LARGEST = 2**26
"""Bytes of a report."""
MOST = 4096
"""Runs in one."""
PLACE = re.compile(rb'<script type="application/json" id="snnexp">(.*?)</script>', re.DOTALL)


def twin(material: Material) -> str:
    """The runs of a report as JSON in which no tag can stand."""
    told = {
        "format": FORMAT,
        "runs": [_run(name, subject) for name, subject in material.named()],
        "sweeps": [
            {"name": sweep.name, "head": sweep.head, "rows": sweep.rows}
            for sweep in material.sweeps
        ],
    }
    written = json.dumps(plain(told), separators=(",", ":"), allow_nan=False)
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _run(name: str, subject: Subject) -> dict[str, Any]:
    told = {
        "name": name,
        "path": str(subject.run.path),
        "result": subject.run.result.to_json(),
        "settings": subject.run.settings,
        "whole": subject.run.whole,
        "records": [*subject.records],
    }
    if subject.answers is None:
        return told
    confusion = [*map(list, subject.answers.confusion)]
    return told | {"classes": [*subject.answers.classes], "confusion": confusion}


def read_report(path: Path) -> list[Run]:
    """The runs of a report. Raises `Unreadable`, saying what the file is instead."""
    found = PLACE.search(read_regular(path, LARGEST))
    told = None if found is None else parsed(path, found[1])
    runs = told.get("runs") if isinstance(told, dict) else None
    if not isinstance(runs, list) or not 0 < len(runs) <= MOST:
        raise Unreadable(path, "no report of runs. Expected: one that `snnexp report` has written")
    return [_read(path, number, each) for number, each in enumerate(runs, 1)]


def _read(path: Path, number: int, told: Any) -> Run:
    """A run by its place in the report, where its folder may not be any longer."""
    if not isinstance(told, dict) or not isinstance(told.get("settings"), Mapping):
        raise Unreadable(path, f"its run {number} is none")
    result = as_result(told.get("result"), path)
    settings = {str(key): value for key, value in all_visible(told["settings"]).items()}
    return Run(Path(f"{path}#{number}"), result, settings, told.get("whole") is True)
