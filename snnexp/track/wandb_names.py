"""Under what a run is filed at W&B, and what W&B is not to know of it."""

import re
import secrets
import string
from contextlib import suppress
from pathlib import Path
from typing import Any

from snnexp.files.foreign import Unreadable, read_regular
from snnexp.track.base import Labels

LONGEST_NAME, LONGEST_TAG = 128, 64
LONGEST_ID = 128


def names_of(run_dir: Path, labels: Labels) -> dict[str, Any]:
    """Group, type, name and tags of a run, as long as W&B takes them."""
    return {
        "group": labels.group[:LONGEST_NAME],
        "job_type": labels.stages[-1][:LONGEST_NAME],
        "name": f"{labels.group} {run_dir.name}"[:LONGEST_NAME],
        "tags": list(dict.fromkeys(tag[:LONGEST_TAG] for tag in labels.tags)),
    }


def quiet(start_timeout: float, finish_timeout: float) -> dict[str, Any]:
    """Settings of a W&B run that waits no longer than it is told to, in seconds, and looks at
    nothing that it is not told.
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
        "x_disable_stats": True,
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
