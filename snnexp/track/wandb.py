"""Weights & Biases as a mirror of the run folder."""

import logging
import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from snnexp.files.atomic import write_text
from snnexp.limits import Interval
from snnexp.track.apart import Apart, Ended
from snnexp.track.base import Labels, Tracker
from snnexp.track.flat import flat
from snnexp.track.naming import name_of
from snnexp.track.wandb_environment import environment, mode_of
from snnexp.track.wandb_names import Given, known_id, names_of, new_id, quiet

ATTEMPTS = {
    "online": ("online", "offline", "offline"),
    "offline": ("offline", "offline"),
    "disabled": (),
}
"""How a run is kept, and how once that has failed: it is told again from its beginning."""

LOCAL = 5.0
"""Longest wait for what needs no server, in seconds: a Python has to start, on a machine that may
be busy.
"""

Wait = Annotated[float, Interval(0.0, 86400.0, low_open=True)]
logger = logging.getLogger(__name__)


class WandbTracker(Tracker):
    """Mirrors a run to Weights & Biases, one W&B run per job; neither command line, host name nor
    secrets are stored.

    W&B runs in a process of its own. Should it fail, hang or be killed, the next attempt is told
    all that the run has recorded: online becomes offline, and what is kept offline is always the
    whole run. A run that is resumed goes on under its W&B id.

    Args:
        mode: "offline" keeps files in the run folder, for `wandb sync`; "online" needs an account
            and falls back to offline; null for `WANDB_MODE`, or offline.
        project: name of the W&B project; null for `WANDB_PROJECT`, or "snnexp".
        entity: user or team that owns it; null for `WANDB_ENTITY`, or the default one.
        start_timeout: longest wait for the server at the start, in seconds.
        finish_timeout: longest wait for the last upload, in seconds.
        name: of the run; null for `WANDB_NAME`, or its experiment and what differs from it.
        group: what it belongs to; null for `WANDB_RUN_GROUP`, or its sweep, or its experiment.
        tags: beside the chosen options; null for `WANDB_TAGS`.
        notes: a longer text; null for `WANDB_NOTES`.
        job_type: null for `WANDB_JOB_TYPE`, or the strategy.
        system_metrics: whether use of processor, memory and GPU is recorded.
        weights: whether the weights are kept as an artifact.
    """

    in_address: ClassVar[bool] = True

    def __init__(
        self,
        mode: Literal["offline", "online", "disabled"] | None,
        project: str | None,
        entity: str | None,
        start_timeout: Wait,
        finish_timeout: Wait,
        name: str | None,
        group: str | None,
        tags: list[str] | None,
        notes: str | None,
        job_type: str | None,
        system_metrics: bool,
        weights: bool,
    ):
        self.mode = mode_of(mode)
        self.given = Given(project, entity, name, group, tags, notes, job_type)
        self.system_metrics, self.weights = system_metrics, weights
        self.start_timeout = start_timeout
        self.finish_timeout = finish_timeout
        self.process: Apart | None = None
        self.modes: Iterator[str] = iter(())
        self.folder, self.known = Path(), None
        self.acts: list[tuple[str, dict[str, Any]]] = []
        self.done, self.running, self.lost = 0, "", ""

    def start(self, run_dir: Path, config: dict[str, Any], labels: Labels) -> None:
        """Opens a W&B run; a server that does not answer is waited for briefly, then the run is
        kept offline.
        """
        self.folder = Path(run_dir).absolute() / "wandb"
        self.modes, self.known = (
            iter(ATTEMPTS[self.mode]),
            known_id(self.folder) or os.environ.get("WANDB_RUN_ID"),
        )
        if self.mode == "disabled":
            return
        run_id = self.known or new_id()
        self.acts = [("start", {"id": run_id, **self._opening(config, labels)})]
        write_text(
            self.folder / "id", run_id
        )  # before there is a record: whoever goes on with a run that is killed now goes on with it
        try:
            self._begin()
            patience = self.start_timeout + LOCAL
            if self.mode == "online" and not self._listen(patience) and self.running == "online":
                self._again(f"no answer within {patience:g} s")
                self._listen(LOCAL)
        except BaseException:  # a signal, too
            self._end()
            raise

    def _opening(self, config: dict[str, Any], labels: Labels) -> dict[str, Any]:
        """What the W&B run is opened with, but for its id and what changes with each attempt."""
        run_dir = self.folder.parent
        waits = (self.start_timeout, self.finish_timeout)
        return {
            "run_dir": str(run_dir),
            "settings": quiet(*waits, self.system_metrics),
            "config": {**flat(config), **labels.choices, **_place(run_dir, labels)},
            "stages": list(labels.stages),
            "weights": self.weights,
            **names_of(self.given, labels, name_of(labels, config, run_dir.name)),
        }

    def log(self, record: dict[str, Any]) -> None:
        """One W&B step; nothing waits for it."""
        self._tell("log", record=record)

    def result(self, result: dict[str, Any]) -> None:
        """The figures as summary, tables, and accuracy against timestep as a line."""
        self._tell("result", result=result)

    def finish(self, exit_code: int) -> None:
        """Closes the W&B run, which exit code 0 marks as finished and any other as failed."""
        if self.process is None:
            return
        self._tell("finish", exit_code=exit_code)
        patience = self.finish_timeout + LOCAL
        while not self._listen(patience):
            self._again(f"no answer within {patience:g} s")
            patience = (
                12 * LOCAL
            )  # a new process is told the whole run, on a machine that may be busy
        self.process.close(LOCAL)
        self.process = None

    def _begin(self) -> None:
        self.running, self.done, attempt = next(self.modes), 0, new_id()
        resume = "allow" if self.known and self.running == "online" else None
        self.acts[0][1].update(mode=self.running, resume=resume, attempt=attempt)
        write_text(
            self.folder / "attempt", attempt
        )  # the last one to be written here is the one that keeps a record
        self.process = Apart("snnexp.track.wandb_mirror", environment(self.running, self.folder))
        for act in self.acts:
            self.process.tell(act)

    def _tell(self, act: str, **arguments: Any) -> None:
        if self.process is None:
            return
        self.acts.append((act, arguments))
        self.process.tell((act, arguments))
        self._listen(0.0)

    def _listen(self, patience: float) -> bool:
        """Takes the answers that come within `patience` seconds; whether all that was told is
        done.
        """
        end = time.monotonic() + patience
        while self.done < len(self.acts):
            try:
                answer = self.process.answer(max(end - time.monotonic(), 0.0))
            except Ended as error:
                answer = {"error": str(error)}
            if answer is None:
                return False
            if "error" in answer:
                self._again(answer["error"])
                end = time.monotonic() + patience
            else:
                self._heed(answer)
        self._promise()
        return True

    def _heed(self, answer: dict[str, Any]) -> None:
        self.done += 1
        if self.running == "online" and answer.get("url"):
            logger.info("W&B run %s", answer["url"])
        if answer.get("late"):
            logger.warning(
                "W&B has not taken all of this run within %g s: %s sends the rest",
                self.finish_timeout,
                self._remedy("run"),
            )

    def _promise(self) -> None:
        """Says that the run is kept offline, once it is."""
        if self.lost:
            logger.warning(
                "W&B online failed (%s): this run is kept offline, %s sends it later",
                self.lost,
                self._remedy("offline-run"),
            )
            self.lost = ""

    def _remedy(self, kind: str) -> str:
        return f"`wandb sync {shlex.quote(str(self.folder))}/{kind}-*`"

    def _again(self, reason: str) -> None:
        self.lost = reason if self.running == "online" else self.lost
        self._end()
        try:
            self._begin()
        except StopIteration:
            raise RuntimeError(reason) from None

    def _end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process = None


def _place(run_dir: Path, labels: Labels) -> dict[str, str]:
    """By what the run is found again among others: the names of its folder and its sweep."""
    sweep = {} if labels.sweep is None else {"sweep_folder": labels.sweep}
    return {**sweep, "run_folder": run_dir.name}
