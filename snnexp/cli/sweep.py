"""The sweep that goes on in this process: where it is, what it is to run, and what it came to."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from snnexp.cli.sweep_files import leave_files
from snnexp.cli.sweep_jobs import PLAN, Job, finished, job_folders, jobs_of
from snnexp.cli.sweep_table import jobs_table, words_below
from snnexp.composition.extent import GRID
from snnexp.files.atomic import write_json
from snnexp.files.visible import visible
from snnexp.jobs.plan import Plan

ONE_RUN = ("WANDB_RUN_ID", "WANDB_RESUME", "WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH")
"""Variables by which W&B takes whatever a process does for one run."""


class Sweep(Callback):
    """The sweep that goes on in this process: Hydra tells its callbacks where it is, and nobody
    else.
    """

    folder: Path | None = None
    plan: Plan | None = None

    def __init__(self, swept: list[str] | None = None):
        """Args: swept, the keys that have several values; jobs are named after them."""

    @staticmethod
    def watched(arguments: list[str]) -> list[str]:
        """The arguments with which Hydra says where a sweep is; those of a single run as they
        are.
        """
        sweeping = any(
            each in ("-m", "--multirun") or each.startswith("hydra.mode=") for each in arguments
        )
        if not sweeping:
            return arguments
        swept = [] if Sweep.plan is None else [key.lstrip("+") for key in Sweep.plan.swept]
        names = ",".join(f"'{key}'" for key in swept)
        told = f"+hydra.callbacks.sweep={{_target_:{__name__}.Sweep,swept:[{names}]}}"
        return [*arguments, told]

    def on_multirun_start(self, config: DictConfig, **more: Any) -> None:
        Sweep.folder = Path(config.hydra.sweep.dir)
        with suppress(OSError):  # which the sweeper comes to as well, and says
            Sweep.folder.mkdir(parents=True, exist_ok=True)
            write_json(Sweep.folder / PLAN, _planned(config))

    @staticmethod
    def without_jobs() -> bool:
        """Whether a sweep goes on in which no job has started, whichever process would have run
        it.
        """
        return Sweep.folder is not None and not job_folders(Sweep.folder)

    @staticmethod
    def partly() -> bool:
        """Whether jobs of the sweep have finished, beside those that have not."""
        return Sweep.folder is not None and any(map(finished, job_folders(Sweep.folder)))

    @staticmethod
    def close() -> Path | None:
        """Prints the summary of the sweep, if there was one, and says where it is; one of which no
        job could start leaves nothing.
        """
        folder, Sweep.folder, Sweep.plan = Sweep.folder, None, None
        begun = folder is not None and bool(job_folders(folder))
        if folder is not None and begun:
            _summarise(folder, jobs_of(folder))
        elif folder is not None:
            with suppress(OSError):
                for name in ("multirun.yaml", PLAN):
                    (folder / name).unlink(missing_ok=True)
                folder.rmdir()
        return folder if begun else None


def _planned(config: DictConfig) -> dict[str, Any]:
    plan, search = Sweep.plan, config.hydra.sweeper._target_ != GRID
    return {
        "swept": [] if plan is None else plan.swept,
        "objectives": OmegaConf.to_container(config.objectives) if search else None,
        "jobs": [] if plan is None or search else plan.jobs,
    }


def _summarise(folder: Path, jobs: list[Job]) -> None:
    console = Console(highlight=False)
    console.print(jobs_table(folder, jobs))
    for line in words_below(folder, jobs):
        console.print(line)
    for said in leave_files(folder, jobs):
        print(visible(f"snnexp: {said}"), file=sys.stderr)


def every_job_its_own_run() -> None:
    """Leaves aside what would make one W&B run of all jobs of a sweep, and says so."""
    found = [name for name in ONE_RUN if os.environ.pop(name, None) is not None]
    if found:
        print(
            f"snnexp: {', '.join(found)} left aside: every job of a sweep is a W&B run of its own",
            file=sys.stderr,
        )
