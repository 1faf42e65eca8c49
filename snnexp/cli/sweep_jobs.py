"""The jobs of a sweep as their folders show them, whichever launcher has run them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnexp.files.documents import read_json
from snnexp.files.foreign import Unreadable
from snnexp.files.hints import fits
from snnexp.results.read import read_result
from snnexp.results.run import RunResult
from snnexp.runs.found import standing

OVERRIDES = "overrides.json"
"""In the folder of a job of a sweep: the arguments it was given."""
PLAN = "sweep.json"
"""In the folder of a sweep: the keys that are swept, and the arguments of every job; of a search,
what it looks for.
"""
NOT_BEGUN = "not begun"


@dataclass(frozen=True)
class Job:
    """One job: its folder's name, its arguments, and what it came to."""

    name: str
    overrides: list[str]
    status: str
    error: str = ""
    result: RunResult | None = None

    @property
    def number(self) -> str:
        """Its number in the sweep, as the folder's name begins with."""
        return self.name.partition("_")[0]

    @property
    def apart_from_seed(self) -> tuple[str, ...]:
        """What it shares with jobs that differ in the seed alone."""
        return tuple(each for each in self.overrides if not each.startswith("seed="))

    @property
    def flags(self) -> list[str]:
        """What its result has flags for."""
        return [] if self.result is None else self.result.last.flags or []


def jobs_of(folder: Path) -> list[Job]:
    """The jobs of a sweep in the order of their numbers, those that have not begun among them."""
    begun = [_job(path, folder) for path in job_folders(folder)]
    numbers = {job.number for job in begun}
    missing = [
        Job(str(number), overrides, NOT_BEGUN)
        for number, overrides in enumerate(_plan(folder))
        if str(number) not in numbers
    ]
    return sorted([*begun, *missing], key=lambda job: _in_order(job.name))


def objectives_of(folder: Path) -> list[str]:
    """What a search looks for; nothing where the sweep is none."""
    plan = _read(folder / PLAN)
    found = plan.get("objectives") if isinstance(plan, dict) else None
    return found if fits(found, list[str]) else []


def job_folders(folder: Path) -> list[Path]:
    """The folders below `folder` in which a job has started, in the order of their numbers."""
    found = [path.parent for path in folder.rglob("status.json")]
    return sorted(found, key=lambda path: _in_order(str(path)))


def finished(job: Path) -> bool:
    """Whether the job in this folder has come to its end."""
    state = _read(job / "status.json")
    return isinstance(state, dict) and state.get("status") == "finished"


def _plan(folder: Path) -> list[list[str]]:
    plan = _read(folder / PLAN)
    jobs = plan.get("jobs") if isinstance(plan, dict) else None
    return jobs if fits(jobs, list[list[str]]) else []


def _in_order(name: str) -> list[tuple[bool, int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _job(path: Path, folder: Path) -> Job:
    overrides, state = _read(path / OVERRIDES), _read(path / "status.json")
    state = state if isinstance(state, dict) else {}
    return Job(
        str(path.relative_to(folder)),
        overrides if fits(overrides, list[str]) else [],
        standing(path, state),
        re.sub(r"\s*\n\s*", "; ", str(state.get("error") or "")),
        _result(path) if finished(path) else None,
    )


def _result(job: Path) -> RunResult | None:
    try:
        return read_result(job / "result.json")
    except Unreadable:
        return None


def _read(path: Path) -> Any:
    try:
        return read_json(path)
    except Unreadable:
        return None
