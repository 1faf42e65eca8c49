"""How far earlier attempts at a run have come, as far as whole files vouch for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snnexp.distributed import processes
from snnexp.errors import ConfigError
from snnexp.files.documents import LARGEST_RECORDS
from snnexp.files.foreign import Unreadable, read_regular
from snnexp.runs.checkpoint_file import Damaged, finished, names, read
from snnexp.runs.checkpoint_schema import is_record


@dataclass
class Past:
    """How far earlier attempts at a run have come.

    Args:
        finished: what was kept of the stages that had ended, by name, in order.
        stage: the stage that was going on, where it had come past a batch.
        training: what was kept of it.
        paths: the files that are known to be good, of the course of a stage, by stage.
        ends: the files of the stages that had ended.
        notes: what is wrong with files that are left out.
        over: the run has ended well, and nothing is left to do.
    """

    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    stage: str | None = None
    training: dict[str, Any] | None = None
    paths: dict[str, Path] = field(default_factory=dict)
    ends: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    over: bool = False

    @property
    def place(self) -> str | None:
        """Such as `epoch 3 of finetune`, `batch 12 of epoch 4 of finetune`; None at the
        beginning.
        """
        if self.training is None:
            return next(reversed(self.finished), None)
        epoch, batch = self.training["epoch"], self.training.get("batch")
        return (
            f"epoch {epoch} of {self.stage}"
            if batch is None
            else f"batch {batch} of epoch {epoch + 1} of {self.stage}"
        )

    @property
    def newest(self) -> dict[str, Any] | None:
        """What was kept last; None at the beginning."""
        return self.training or next(reversed(self.finished.values()), None)

    @property
    def metrics(self) -> str:
        """The metrics file as it was by then."""
        return "" if self.newest is None else self.newest["metrics"]


def found(folder: Path, stages: Sequence[str]) -> Past:
    """The furthest that whole files vouch for, stage by stage from the first. Raises `ConfigError`
    where one is not of this program.
    """
    past = Past()
    for stage in stages:
        path, state = _newest(finished(folder, stage), past)
        if state is None:
            past.stage = stage
            path, past.training = _newest(names(folder, stage), past)
            if path is not None:
                past.paths[stage] = path
            return past
        past.finished[stage], past.ends[stage] = state, path
    return past


def _newest(paths: Sequence[Path], past: Past) -> tuple[Path | None, dict[str, Any] | None]:
    for path in reversed(paths):
        try:
            state = read(path)
        except Damaged as error:
            past.notes.append(f"{error}; it is left out, and what was kept before it is used")
            continue
        if len(state.get("own", [])) in (0, processes()):
            return path, _with_metrics(state, path)
        past.notes.append(
            f"{path} was kept within an epoch by {len(state['own'])} processes, not "
            f"{processes()}: the epoch begins anew"
        )
    return None, None


def _with_metrics(state: dict[str, Any], path: Path) -> dict[str, Any]:
    """Of what was kept before the records were: with those that the metrics file has, if it still
    has them.
    """
    if "metrics" not in state:
        file = path.parents[1] / "metrics.jsonl"
        lines = _whole_lines(file)[: state["records"]]
        if len(lines) < state["records"] or not all(map(is_record, lines)):
            raise ConfigError(
                f"{file} has not the {state['records']} records that belong to {path.name}, "
                "which holds none itself: the run cannot go "
                "on; choose another folder with hydra.run.dir=PATH, or delete this one to "
                "begin anew"
            )
        state["metrics"] = "".join(lines)
    return state


def _whole_lines(file: Path) -> list[str]:
    try:
        return [
            f"{line}\n" for line in read_regular(file, LARGEST_RECORDS).decode().split("\n")[:-1]
        ]
    except (Unreadable, ValueError):
        return []
