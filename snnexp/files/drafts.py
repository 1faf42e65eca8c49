"""Drafts of files, and what is done with those of writers that were killed."""

import os
import re
import secrets
import time
from pathlib import Path

HOUR = 3600.0
"""No writer takes so long, in seconds, over a draft that others might hold for dead."""
NAME = re.compile(r"\..+\.(\d+)\.[0-9a-f]+(\.draft)?")


def draft_of(path: Path) -> Path:
    """A name beside `path`, which tells whose it is; a rename stays on one file system."""
    # Not `tempfile`: only their owner can read its files, and results are shared.
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(3)}.draft")


def remove_drafts(folder: Path) -> None:
    """Takes away what writers that were killed have left in a folder that is this process's alone,
    now that it has begun.
    """
    for draft in _drafts(folder):
        if not draft.name.startswith(
            ".status.json."
        ):  # by which others ask for the folder, even now
            draft.unlink(missing_ok=True)
    remove_dead_drafts(folder)


def remove_dead_drafts(folder: Path) -> None:
    """Takes away what killed writers have left in a folder that others write to as well; the draft
    of a living one stays.
    """
    for draft in [*_drafts(folder), *folder.glob(".status.[0-9]*")]:
        if _is_dead(draft):
            draft.unlink(missing_ok=True)


def _drafts(folder: Path) -> list[Path]:
    return [*folder.glob(".*.draft")]


def _is_dead(draft: Path) -> bool:
    found = NAME.fullmatch(draft.name)
    if found is None:
        return False
    number = int(found[1])
    return (
        number == os.getpid() or not is_running(number) or _age(draft) > HOUR
    )  # this process has no draft of its own here


def _age(draft: Path) -> float:
    try:
        return time.time() - draft.stat().st_mtime
    except OSError:
        return 0.0


def is_running(process: int) -> bool:
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's, but there
        return True
    return True
