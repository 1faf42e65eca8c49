"""What a sweep came to, job by job, read from the folders of its jobs: whichever launcher ran them."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from rich.text import Text

OVERRIDES = "overrides.json"
"""In the folder of a job of a sweep: the arguments it was given."""


class Sweep(Callback):
    """The sweep that goes on in this process: Hydra tells its callbacks where it is, and nobody else."""

    folder: Path | None = None

    @staticmethod
    def watched(arguments: list[str]) -> list[str]:
        """The arguments with which Hydra says where a sweep is; those of a single run as they are."""
        sweeping = any(each in ("-m", "--multirun") or each.startswith("hydra.mode=") for each in arguments)
        return [*arguments, f"+hydra.callbacks.sweep._target_={__name__}.Sweep"] if sweeping else arguments

    def on_multirun_start(self, config: DictConfig, **more: Any) -> None:
        Sweep.folder = Path(config.hydra.sweep.dir)

    @staticmethod
    def close() -> Path | None:
        """Prints the summary of the sweep, if there was one, and says where it is; one of which no job could start leaves nothing."""
        folder, Sweep.folder = Sweep.folder, None
        jobs = [] if folder is None else job_folders(folder)
        if jobs:
            Console(highlight=False).print(_table(folder, jobs))
        elif folder is not None:
            with suppress(OSError):
                (folder / "multirun.yaml").unlink()
                folder.rmdir()
        return folder if jobs else None


def job_folders(folder: Path) -> list[Path]:
    """The folders below `folder` in which a job has started, in the order of their numbers."""
    found = [path.parent for path in folder.rglob("status.json")]
    return sorted(found, key=lambda path: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(path))])


def _table(folder: Path, jobs: list[Path]) -> Table:
    table = Table("job", "overrides", "status", "accuracy %", "error", title=f"Sweep {folder}", title_justify="left")
    overrides = [_read(job / OVERRIDES) or [] for job in jobs]
    common = set.intersection(*map(set, overrides)) if len(jobs) > 1 else set()
    for job, chosen in zip(jobs, overrides, strict=True):
        cells = (str(job.relative_to(folder)), " ".join(each for each in chosen if each not in common), *_outcome(job))
        table.add_row(*map(Text, cells))
    return table


def _outcome(job: Path) -> tuple[str, str, str]:
    status, result = _read(job / "status.json") or {}, _read(job / "result.json") or {}
    finished = status.get("status") == "finished" and result.get("accuracy") is not None
    error = re.sub(r"\s*\n\s*", "; ", status.get("error") or "")
    return status.get("status", "?"), f"{result['accuracy']:.2f}" if finished else "", error


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
