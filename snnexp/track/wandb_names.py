"""Under what a run is filed at W&B, and what W&B is not to know of it."""

import os
import re
import secrets
import string
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from snnexp.files.foreign import Unreadable, read_regular
from snnexp.track.base import Labels
from snnexp.track.wandb_environment import project_of

LONGEST_NAME, LONGEST_TAG = 128, 64
LONGEST_ID = 128


class Given(NamedTuple):
    """What the configuration says of the names of a run; None leaves it to W&B's own variables, and
    then to what the run is.

    Args:
        project: name of the project.
        entity: user or team that owns it.
        name: name of the run.
        group: what runs belong together.
        tags: beside the automatic ones.
        notes: a longer text.
        job_type: what kind of run it is.
    """

    project: str | None
    entity: str | None
    name: str | None
    group: str | None
    tags: list[str] | None
    notes: str | None
    job_type: str | None


def names_of(
    given: Given, labels: Labels, automatic: str, around: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """Under what a run is filed, as long as W&B takes it.

    Args:
        given: by the configuration, which counts most.
        labels: of the run, which count where nobody says anything.
        automatic: the name of the run where nobody gives it one.
        around: the environment.
    """
    strategy = labels.choices.get("strategy") or labels.stages[-1]
    return {
        "project": project_of(given.project, around),
        "entity": given.entity or around.get("WANDB_ENTITY"),
        "name": _name(given.name, labels, automatic, around)[:LONGEST_NAME],
        "group": _first(given.group, around.get("WANDB_RUN_GROUP"), _group(labels, around)),
        "job_type": _first(given.job_type, around.get("WANDB_JOB_TYPE"), strategy),
        "notes": around.get("WANDB_NOTES") if given.notes is None else given.notes,
        "tags": [*dict.fromkeys(tag[:LONGEST_TAG] for tag in _tags(given.tags, labels, around))],
    }


def _first(*values: str | None) -> str:
    return next(value for value in values if value)[:LONGEST_NAME]


def _name(given: str | None, labels: Labels, automatic: str, around: Mapping[str, str]) -> str:
    """One variable names all jobs of a sweep: what tells them apart stands behind it."""
    named = around.get("WANDB_NAME")
    if given or not named:
        return given or automatic
    return f"{named} {automatic}" if labels.sweep else named


def _group(labels: Labels, around: Mapping[str, str]) -> str:
    """W&B's own sweeps, too, are groups."""
    return labels.sweep or around.get("WANDB_SWEEP_ID") or labels.group


def _tags(given: list[str] | None, labels: Labels, around: Mapping[str, str]) -> list[str]:
    named = around.get("WANDB_TAGS", "").split(",") if given is None else given
    return [*labels.tags, *filter(None, (tag.strip() for tag in named))]


def quiet(start_timeout: float, finish_timeout: float, system_metrics: bool) -> dict[str, Any]:
    """Settings of a W&B run that waits no longer than it is told to, in seconds, and looks at
    nothing that it is not told; at this process and its machine where `system_metrics` asks for it.
    """
    waits = {
        "init_timeout": start_timeout,
        "finish_timeout": finish_timeout,
        "finish_timeout_raises": True,
    }
    # The metadata hold the command line with all that was typed on it; an empty host keeps the real
    # one out.
    private = {
        "x_disable_meta": True,
        "host": "",
        "disable_git": True,
        "disable_code": True,
        "console": "off",
    }
    unasked = {
        "x_save_requirements": False,
        "x_disable_stats": not system_metrics,
        "x_stats_pid": os.getpid(),
        "x_disable_viewer": True,
        "silent": True,
    }
    return {
        **waits,
        **private,
        **unasked,
        "x_transaction_log_flush_interval": 1.0,
    }  # seconds: a machine may go at any time


def known_id(folder: Path) -> str | None:
    """The id under which W&B knows earlier attempts at the run, from the folder of what is kept of
    it.
    """
    with suppress(Unreadable, ValueError):
        written = read_regular(folder / "id", 4 * LONGEST_ID).decode()  # bytes of a letter
        if re.fullmatch(rf"[^\x00-\x1f/\\#?%:;,']{{1,{LONGEST_ID}}}", written):
            return written
    records = sorted(
        folder.glob("*run-*/run-*.wandb"), key=lambda path: path.parent.name.partition("run-")[2]
    )
    return records[-1].stem.removeprefix("run-") if records else None


def new_id() -> str:
    """An id like those that W&B draws."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
