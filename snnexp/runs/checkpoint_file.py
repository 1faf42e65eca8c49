"""Files of checkpoints: one is what was written, or it is not used."""

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import torch

from snnexp.errors import ConfigError
from snnexp.files.atomic import write_bytes
from snnexp.files.foreign import Unreadable, read_regular
from snnexp.runs.checkpoint_schema import fault

FINISHED = "finished"
"""Stands where the epoch would: the stage has ended, and so has its evaluation."""
LARGEST = 2**40
"""Bytes of a checkpoint; those of the largest networks here have some ten billion."""
SCHEMA = 2
"""Form of what is kept. 1, which has no number, knew neither the records and the configuration of
its run nor places within an epoch.
"""
LONGEST = 200
"""Characters of what torch says of a network that does not fit."""


def place(epoch: int, batch: int | None = None) -> str:
    """How far a file says that a stage has come: past an epoch, or past so many batches of it."""
    return f"{epoch:04}" if batch is None else f"{epoch:04}batch{batch:06}"


def names(folder: Path, stage: str) -> list[Path]:
    """The files kept in the course of a stage, oldest first."""
    return [path for path, at in _files(folder, stage) if at != FINISHED]


def finished(folder: Path, stage: str) -> list[Path]:
    """The files that say a stage has ended."""
    return [path for path, at in _files(folder, stage) if at == FINISHED]


def is_whole_epoch(path: Path) -> bool:
    """Whether a file was kept past an epoch, and not within one."""
    return "batch" not in _place_of(path)


def _files(folder: Path, stage: str) -> Iterator[tuple[Path, str]]:
    found = [
        (path, _place_of(path))
        for path in folder.glob("*.pt")
        if path.stem.rpartition("-")[0].rpartition("-")[0] == _quoted(stage)
    ]
    yield from sorted(found, key=lambda each: (_order(each[1]), each[0].name))


def _place_of(path: Path) -> str:
    return path.stem.rpartition("-")[0].rpartition("-")[2]


def _order(at: str) -> tuple[int, int]:
    """Whole epochs that lie behind it, and batches past them."""
    found = re.fullmatch(r"(\d+)(?:batch(\d+))?", at)
    if found is None:
        return (0, 0)
    return (int(found[1]), 0) if found[2] is None else (int(found[1]) - 1, int(found[2]))


def write(folder: Path, stage: str, at: str, state: dict[str, Any]) -> Path:
    """Keeps `state`, of tensors and plain values, whole or not at all; the name ends in the first
    digits of the SHA-256 of the bytes.
    """
    buffer = io.BytesIO()
    torch.save({"schema": SCHEMA, **state}, buffer)
    data = buffer.getbuffer()
    path = folder / f"{_quoted(stage)}-{at}-{_digest(data)}.pt"
    write_bytes(path, data)
    return path


class Damaged(Exception):
    """A file is not what was written."""


def read(path: Path) -> dict[str, Any]:
    """What `write` kept.

    Raises:
        Damaged: the file has changed; nothing of it is looked at.
        ConfigError: somebody else has made it, or a newer version of this package.
    """
    try:
        data = read_regular(path, LARGEST)
    except Unreadable as error:
        raise Damaged(f"{path} cannot be read ({error.why})") from error
    if _digest(data) != path.stem.rpartition("-")[2]:
        raise Damaged(f"{path} is damaged: its SHA-256 is not the one in its name")
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:
        # Whoever made the name fit the bytes: pickle runs nothing here, and says no in many ways.
        raise _refused(
            path,
            (
                f"is not a checkpoint ({type(error).__name__}), though its name fits: this "
                "program has not made it"
            ),
        ) from error
    if not isinstance(state, dict) or not isinstance(state.get("schema", 1), int):
        raise _refused(path, "is not a checkpoint of a run")
    if state.get("schema", 1) > SCHEMA:
        raise _refused(
            path,
            (
                f"was written by a newer version of snnexp (form {state['schema']}, known are 1 "
                f"to {SCHEMA})"
            ),
        )
    wrong = fault(state, _place_of(path) == FINISHED)
    if wrong:
        raise _refused(path, f"is not a checkpoint of a run ({wrong})")
    return state


@contextmanager
def taken_over(path: Path | None) -> Iterator[None]:
    """Within the block networks and optimizers are set to what `path` has kept. Raises
    `ConfigError` where that does not fit them.
    """
    from snnexp.errors import ran_out

    try:
        yield
    except (
        Exception
    ) as error:  # whoever made the name fit the bytes: each part says no in its own way
        if path is None or ran_out(error):
            raise
        said = re.sub(r"\s+", " ", str(error))
        raise _refused(
            path, f"does not fit this run ({type(error).__name__}: {said[:LONGEST]})"
        ) from error


def _refused(path: Path, wrong: str) -> ConfigError:
    return ConfigError(
        f"{path} {wrong}; delete it to go on from what was kept before it, or choose another "
        "folder with hydra.run.dir=PATH"
    )


def _digest(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _quoted(stage: str) -> str:
    return quote(stage, safe="")
