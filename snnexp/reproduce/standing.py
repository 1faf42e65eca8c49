"""How far a job is, in words."""

import json
from pathlib import Path
from typing import Any

from snnexp.files.foreign import Unreadable
from snnexp.reproduce.jobs import Job
from snnexp.results.read import read_result
from snnexp.runs import status


def standing(job: Job, runs: Path) -> str:
    """Such as `finished  91.25 % at T = 16`, `running  epoch 12 of train  83.10 %`, `not begun`."""
    folder = job.folder(runs)
    found = status.read(folder)
    if found is None:
        return "not begun"
    state = (
        "stopped" if found["status"] == "running" and status.unfinished(folder) else found["status"]
    )
    return "  ".join([state, *(_answer(folder) if state == "finished" else _last(folder))])


def _answer(folder: Path) -> list[str]:
    try:
        last = read_result(folder / "result.json").last
    except Unreadable:
        return []
    return [f"{last.accuracy:.2f} % at T = {last.timesteps}"]


def _last(folder: Path) -> list[str]:
    try:
        record: dict[str, Any] = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    except (OSError, IndexError, ValueError):
        return []
    accuracy = record.get("test/accuracy")
    return [f"epoch {record.get('epoch')} of {record.get('stage')}"] + (
        [] if accuracy is None else [f"{accuracy:.2f} %"]
    )
