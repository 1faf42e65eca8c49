"""The runs below a folder, and how each of them stands, in words."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from snnexp.files.documents import read_json
from snnexp.files.foreign import Unreadable
from snnexp.results.standing import word_for
from snnexp.runs import status
from snnexp.runs.begun import begun

TAIL = 2**16
"""Bytes at the end of the metrics that hold the last epoch."""


@dataclass(frozen=True)
class FoundRun:
    """A run as its folder shows it.

    Args:
        path: its folder.
        standing: finished, running, interrupted, preempted, killed or failed.
        arguments: with which it was begun.
        accuracy: on the test set in percent; None before it is finished.
        timesteps: T of the accuracy.
        progress: the last epoch of one that is not finished, and what has gone wrong.
        since: when it ended, or began.
    """

    path: Path
    standing: str
    arguments: tuple[str, ...]
    accuracy: float | None
    timesteps: int | None
    progress: str
    since: datetime | None


def run_folders(folder: Path) -> Iterator[Path]:
    """The folders below `folder` in which a run has begun; within a run there is none."""
    for place, inner, names in os.walk(folder):
        if "status.json" in names:
            inner.clear()
            yield Path(place)
        inner.sort()


def found_run(path: Path) -> FoundRun:
    """How the run in a folder stands."""
    facts = status.read(path) or {}
    word = standing(path, facts)
    result = _mapping(path / "result.json") if word == "finished" else {}
    return FoundRun(
        path,
        word,
        _arguments(path),
        _number(result.get("accuracy"), float),
        _number(result.get("timesteps"), int),
        "" if word == "finished" else _progress(path, facts),
        _time(facts.get("finished")) or _time(facts.get("started")),
    )


def standing(path: Path, facts: dict[str, Any]) -> str:
    """The status in a word that says what has happened: Ctrl+C, a signal, or a process that is
    gone.
    """
    told = word_for(facts)
    return "killed" if told == "running" and status.unfinished(path) else told


def _progress(path: Path, facts: dict[str, Any]) -> str:
    error = str(facts.get("error") or "").partition("\n")[0]
    try:
        with (path / "metrics.jsonl").open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - TAIL, 0))
            last = json.loads(file.read().splitlines()[-1])
        epoch = f"{last['stage']} epoch {last['epoch']}"
    except (OSError, ValueError, IndexError, KeyError, TypeError):
        epoch = ""
    return "; ".join(filter(None, (epoch, error)))


def _arguments(path: Path) -> tuple[str, ...]:
    try:
        found = begun(path)
    except Unreadable:
        return ()
    return () if found is None else tuple(found.arguments)


def _mapping(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except Unreadable:
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: Any, kind: type) -> Any:
    fitting = isinstance(value, int | float) and not isinstance(value, bool)
    return kind(value) if fitting else None


def _time(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
