"""The process that speaks with W&B: whatever W&B does, or is done to it, the run does not feel
it.
"""

import fcntl
import json
import math
import os
import select
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from snnexp.results.run import RunResult
from snnexp.track.headline import headline
from snnexp.track.staged import Staged
from snnexp.track.wandb_media import artifact, drawn

GRACE = 10
"""Seconds beyond the time for the last upload after which this process ends, whatever it is at."""


class Mirror:
    """One W&B run. Each act says what came of it, in a dict.

    The metrics of every stage go against epochs of its own; see `Staged`.
    """

    def __init__(self):
        self.run: Any = None
        self.folder, self.patience = Path(), 0.0
        self.run_dir, self.name, self.weights = Path(), "", False
        self.earlier: list[Path] = []
        self.lock: int | None = None
        self.there = 0
        self.staged = Staged()

    def start(
        self,
        run_dir: str,
        settings: dict[str, Any],
        attempt: str,
        stages: list[str],
        weights: bool,
        **labels: Any,
    ) -> dict[str, Any]:
        """Opens the run. Where the server knows it already, it goes on behind the records that the
        server has.
        """
        import wandb

        self.patience = settings["finish_timeout"]
        self.run_dir, self.name, self.weights = Path(run_dir), labels["name"], weights
        self._wait_for_another(Path(run_dir) / "wandb")
        if (
            Path(run_dir) / "wandb" / "attempt"
        ).read_text() != attempt:  # killed before it was here: the next one knows all that it knew
            raise RuntimeError("another attempt at this run has begun since")
        self.earlier = [
            record.parent for record in Path(run_dir).glob(f"wandb/*run-*/run-{labels['id']}.wandb")
        ]
        wandb.setup(
            wandb.Settings(silent=True)
        )  # or the login asks the server for the user's name, however long that takes
        if labels["mode"] == "online" and not wandb.login(prompt=False, verify=False):
            raise ConnectionError("no API key: `wandb login` stores one")
        self.run = wandb.init(dir=run_dir, settings=wandb.Settings(**settings), **labels)
        self.folder = Path(self.run.dir).parent
        if not self.folder.resolve().is_relative_to(Path(run_dir).resolve()):
            raise OSError(f"{run_dir} cannot be written: W&B would keep its files in {self.folder}")
        self.there = self.run.starting_step
        self._define_axes(stages)
        return {"url": self.run.url, "folder": str(self.folder)}

    def log(self, record: dict[str, Any]) -> dict[str, Any]:
        """One W&B step; what is None has no point to draw."""
        self._step(self.staged.points(record))
        return {}

    def result(self, result: dict[str, Any]) -> dict[str, Any]:
        """The figures as summary, tables, accuracy against timestep as a line, and the weights
        where they are asked for.
        """
        told = RunResult.from_json(result)
        self.run.summary.update(headline(told))
        self._step({"epoch": self.staged.epoch, **drawn(told, self.name)})
        if self.weights:
            self.run.log_artifact(artifact(self.run_dir, told), aliases=["latest", self.run.id])
        return {}

    def finish(self, exit_code: int) -> dict[str, Any]:
        """Closes the run, and takes away what earlier attempts at it have left: two folders of one
        id cannot both be synchronised.
        """
        run, self.run = self.run, None
        try:
            run.finish(exit_code=exit_code)
        except TimeoutError:
            return {"late": True}
        finally:
            for folder in self.earlier:
                shutil.rmtree(folder, ignore_errors=True)
            self.leave()
        return {}

    def leave(self) -> None:
        """Lets another one at the folder; the end of the process does, too."""
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def _wait_for_another(self, folder: Path) -> None:
        """The process of an attempt that was killed a moment ago may still be at its record, in the
        same folder.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_NONBLOCK)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(self.lock, fcntl.LOCK_EX)

    def _define_axes(self, stages: list[str]) -> None:
        for axis in ("epoch", "stage_epoch", *(f"{stage}/epoch" for stage in stages)):
            self.run.define_metric(axis, hidden=True)
        for stage in stages:
            self.run.define_metric(f"{stage}/*", step_metric=f"{stage}/epoch")

    def _step(self, values: dict[str, Any]) -> None:
        if self.there:  # a resumed run tells all its records again, and they are the same
            self.there -= 1
        else:
            self.run.log(values)


def main(parent: int) -> None:
    """Does what it is told and answers, until there is nothing more to come."""
    answers = os.fdopen(os.dup(1), "w")
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)  # what W&B prints is no answer
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(
            number, signal.SIG_IGN
        )  # they are meant for the run, whose end is the end of this process
    mirror = Mirror()
    for act, arguments in _told(parent):
        if act == "finish":
            _no_longer_than(mirror.patience + GRACE)
        answer = answered(mirror, act, arguments)
        with suppress(OSError):  # nobody there to hear it
            print(json.dumps(answer), file=answers, flush=True)
        if answer.get("late"):
            os._exit(0)  # or W&B would try once more, without an end
        if "error" in answer:
            break
    _no_longer_than(mirror.patience + GRACE)
    if mirror.run is not None:
        with suppress(Exception):
            mirror.finish(1)


def _no_longer_than(seconds: float) -> None:
    signal.alarm(math.ceil(seconds))  # ends this process, even where Python does not get a word in


def answered(mirror: Mirror, act: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What comes of an act of the mirror: its answer, or the error that it ended with."""
    try:
        return getattr(mirror, act)(**arguments)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}".partition("\n")[0]}


def _told(parent: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """What comes in, until its end; also until the parent's end, since a process that it has forked
    may hold the other side open.
    """
    rest, gone = b"", False
    while not gone or select.select([0], [], [], 0.0)[0]:
        gone = os.getppid() != parent
        if not select.select([0], [], [], 0.0 if gone else 1.0)[0]:
            continue
        data = os.read(0, 1 << 16)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        yield from map(json.loads, lines)
