"""What a sweep came to, job by job, read from the folders of its jobs: whichever launcher ran
them.
"""

import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.files.documents import read_json
from snnexp.files.foreign import Unreadable
from snnexp.files.hints import fits
from snnexp.files.visible import one_line
from snnexp.report.lines import FLAGGED
from snnexp.results.read import read_result
from snnexp.results.run import RunResult
from snnexp.runs.status import unfinished

OVERRIDES = "overrides.json"
"""In the folder of a job of a sweep: the arguments it was given."""

ONE_RUN = ("WANDB_RUN_ID", "WANDB_RESUME", "WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH")
"""Variables by which W&B takes whatever a process does for one run."""


class Sweep(Callback):
    """The sweep that goes on in this process: Hydra tells its callbacks where it is, and nobody
    else.
    """

    folder: Path | None = None

    @staticmethod
    def watched(arguments: list[str]) -> list[str]:
        """The arguments with which Hydra says where a sweep is; those of a single run as they
        are.
        """
        sweeping = any(
            each in ("-m", "--multirun") or each.startswith("hydra.mode=") for each in arguments
        )
        return (
            [*arguments, f"+hydra.callbacks.sweep._target_={__name__}.Sweep"]
            if sweeping
            else arguments
        )

    def on_multirun_start(self, config: DictConfig, **more: Any) -> None:
        Sweep.folder = Path(config.hydra.sweep.dir)

    @staticmethod
    def without_jobs() -> bool:
        """Whether a sweep goes on in which no job has started, whichever process would have run
        it.
        """
        return Sweep.folder is not None and not job_folders(Sweep.folder)

    @staticmethod
    def partly() -> bool:
        """Whether jobs of the sweep have finished, beside those that have not."""
        jobs = [] if Sweep.folder is None else job_folders(Sweep.folder)
        return any(
            isinstance(found := _read(job / "status.json"), dict)
            and found.get("status") == "finished"
            for job in jobs
        )

    @staticmethod
    def close() -> Path | None:
        """Prints the summary of the sweep, if there was one, and says where it is; one of which no
        job could start leaves nothing.
        """
        folder, Sweep.folder = Sweep.folder, None
        jobs = [] if folder is None else job_folders(folder)
        if jobs:
            Console(highlight=False).print(jobs_table(folder, jobs))
        elif folder is not None:
            with suppress(OSError):
                (folder / "multirun.yaml").unlink()
                folder.rmdir()
        return folder if jobs else None


def every_job_its_own_run() -> None:
    """Leaves aside what would make one W&B run of all jobs of a sweep, and says so."""
    found = [name for name in ONE_RUN if os.environ.pop(name, None) is not None]
    if found:
        print(
            f"snnexp: {', '.join(found)} left aside: every job of a sweep is a W&B run of its own",
            file=sys.stderr,
        )


def job_folders(folder: Path) -> list[Path]:
    """The folders below `folder` in which a job has started, in the order of their numbers."""
    found = [path.parent for path in folder.rglob("status.json")]
    return sorted(
        found,
        key=lambda path: [
            int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(path))
        ],
    )


def jobs_table(folder: Path, jobs: list[Path]) -> Table:
    """The jobs of a sweep, one a line, by what sets them apart and what they came to."""
    title = Text(f"Sweep {one_line(folder)}")
    table = Table(
        "job",
        "overrides",
        "status",
        "accuracy %",
        "error or flags",
        title=title,
        title_justify="left",
    )
    overrides = [_overrides(job) for job in jobs]
    common = set.intersection(*map(set, overrides)) if len(jobs) > 1 else set()
    for job, chosen in zip(jobs, overrides, strict=True):
        cells = (
            str(job.relative_to(folder)),
            " ".join(each for each in chosen if each not in common),
            *job_outcome(job),
        )
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    return table


def _overrides(job: Path) -> list[str]:
    found = _read(job / OVERRIDES)
    return found if fits(found, list[str]) else []


def job_outcome(job: Path) -> tuple[str, str, str]:
    """Status, accuracy, and error or flags of a job, as the table shows them."""
    status = found if isinstance(found := _read(job / "status.json"), dict) else {}
    result = _result(job) if status.get("status") == "finished" else None
    error = re.sub(r"\s*\n\s*", "; ", str(status.get("error") or ""))
    died = status.get("status") == "running" and unfinished(job)
    flags = [] if result is None else result.last.flags or []
    accuracy = "" if result is None else f"{result.last.accuracy:.2f}{FLAGGED if flags else ''}"
    return "killed" if died else str(status.get("status", "?")), accuracy, error or "; ".join(flags)


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
