"""Files of checkpoints, and how far they say that a run had come."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import torch

from snnexp.atomic import write_bytes

FINISHED = "finished"
"""Stands where the epoch would: the stage has ended, and so has its evaluation."""


@dataclass
class Past:
    """How far earlier attempts at a run have come.

    Args:
        finished: what was kept of the stages that had ended, by name, in order.
        stage: the stage that was going on, where it had come past an epoch.
        training: what was kept of it.
        paths: the files that are known to be good, of epochs, by stage.
        notes: what is wrong with files that are left out.
    """

    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    stage: str | None = None
    training: dict[str, Any] | None = None
    paths: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def place(self) -> str | None:
        """Such as `epoch 3 of finetune`; None at the beginning."""
        if self.training is not None:
            return f"epoch {self.training['epoch']} of {self.stage}"
        return next(reversed(self.finished), None)

    @property
    def records(self) -> int:
        """How many records the metrics file had by then."""
        newest = self.training or next(reversed(self.finished.values()), {"records": 0})
        return newest["records"]


def found(folder: Path, stages: Sequence[str]) -> Past:
    """The furthest that whole files vouch for, stage by stage from the first."""
    past = Past()
    for stage in stages:
        path, state = _newest(finished(folder, stage), past)
        if state is None:
            past.stage = stage
            path, past.training = _newest(names(folder, stage), past)
            if path is not None:
                past.paths[stage] = path
            return past
        past.finished[stage] = state
    return past


def _newest(paths: Sequence[Path], past: Past) -> tuple[Path | None, dict[str, Any] | None]:
    for path in reversed(paths):
        try:
            return path, read(path)
        except Damaged as error:
            past.notes.append(f"{error}; it is left out, and what was kept before it is used")
    return None, None


def names(folder: Path, stage: str) -> list[Path]:
    """The files kept after epochs of a stage, oldest epoch first."""
    return [path for path, epoch in _files(folder, stage) if epoch != FINISHED]


def finished(folder: Path, stage: str) -> list[Path]:
    """The files that say a stage has ended."""
    return [path for path, epoch in _files(folder, stage) if epoch == FINISHED]


def _files(folder: Path, stage: str) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.glob("*.pt"), key=lambda path: (len(path.name), path.name)):
        name, _, epoch = path.stem.rpartition("-")[0].rpartition("-")
        if name == _quoted(stage):
            yield path, epoch


def write(folder: Path, stage: str, epoch: str, state: dict[str, Any]) -> Path:
    """Keeps `state`, of tensors and plain values, whole or not at all; the name ends in the first digits of the SHA-256 of the bytes."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getbuffer()
    path = folder / f"{_quoted(stage)}-{epoch}-{_digest(data)}.pt"
    write_bytes(path, data)
    return path


class Damaged(Exception):
    """A file is not what was written."""


def read(path: Path) -> dict[str, Any]:
    """What `write` kept. Raises `Damaged`, before anything of a file that has changed is looked at."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Damaged(f"{path} cannot be read ({error})") from error
    if _digest(data) != path.stem.rpartition("-")[2]:
        raise Damaged(f"{path} is damaged")
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # whoever made the name fit the bytes: pickle runs nothing here, and says no in many ways
        raise Damaged(f"{path} is not a checkpoint ({type(error).__name__})") from error


def _digest(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _quoted(stage: str) -> str:
    return quote(stage, safe="")
