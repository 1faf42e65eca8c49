"""What a sweep came to, job by job, read from the folders of its jobs: whichever launcher ran them."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from rich.text import Text

OVERRIDES = "overrides.yaml"
"""In the folder of a job of a sweep: what tells it from the others."""


class Sweep(Callback):
    """The sweep that goes on in this process: Hydra tells its callbacks where it is, and nobody else."""

    folder: Path | None = None

    @staticmethod
    def watched(arguments: list[str]) -> list[str]:
        """The arguments under which Hydra says where a sweep is; those of a single run as they are."""
        sweeping = any(each in ("-m", "--multirun") or each.startswith("hydra.mode=") for each in arguments)
        return [*arguments, f"+hydra.callbacks.sweep._target_={__name__}.Sweep"] if sweeping else arguments

    def on_multirun_start(self, config: DictConfig, **more: Any) -> None:
        Sweep.folder = Path(config.hydra.sweep.dir)

    @staticmethod
    def close() -> None:
        """Prints the summary; a sweep of which no job could start leaves nothing."""
        folder, Sweep.folder = Sweep.folder, None
        if folder is None or not folder.is_dir():
            return
        jobs = job_folders(folder)
        if jobs:
            Console(highlight=False).print(_table(folder, jobs))
            return
        with suppress(OSError):
            (folder / "multirun.yaml").unlink()
            folder.rmdir()


def job_folders(folder: Path) -> list[Path]:
    """The folders below `folder` in which a job has started, in the order of their numbers."""
    found = [path.parent for path in folder.rglob("status.json")]
    return sorted(found, key=lambda path: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(path))])


def _table(folder: Path, jobs: list[Path]) -> Table:
    table = Table("job", "overrides", "status", "accuracy %", "error", title=f"Sweep {folder}", title_justify="left")
    for job in jobs:
        table.add_row(*(Text(cell) for cell in _row(folder, job)))
    return table


def _row(folder: Path, job: Path) -> tuple[str, ...]:
    status, result, overrides = (_read(job / name) for name in ("status.json", "result.json", OVERRIDES))
    accuracy = result.get("accuracy") if status.get("status") == "finished" else None
    error = re.sub(r"\s*\n\s*", "; ", status.get("error") or "")
    chosen = " ".join(overrides.get("overrides", []))
    return str(job.relative_to(folder)), chosen, status.get("status", "?"), "" if accuracy is None else f"{accuracy:.2f}", error


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        return (json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)) or {}
    except (OSError, ValueError, yaml.YAMLError):
        return {}
