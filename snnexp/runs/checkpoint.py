"""Checkpoints of a run: where it writes how far it is, and from where it goes on."""

import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from snnexp.datasets.names import refuse_others
from snnexp.distributed import from_first, gathered, rank
from snnexp.files.atomic import plain
from snnexp.runs.checkpoint_file import FINISHED, is_whole_epoch, names, place, taken_over, write
from snnexp.runs.past import Past, found

KEPT = 2
"""Checkpoints of the stage that goes on, and the last past a whole epoch; of a stage that has ended
the last stays.
"""
OWN = ("loss", "between")
"""Parts of which every process has its own."""
LATER = ("average",)
"""Parts that checkpoints have not had from the beginning; one without it is of a run that does
nothing with it.
"""

logger = logging.getLogger(__name__)


@runtime_checkable
class Stateful(Protocol):
    """A network, an optimizer, a schedule: what can say how it stands, and be set to that."""

    def state_dict(self) -> dict[str, Any]:
        """How it stands, in tensors and plain values."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Sets it to how it stood."""


@dataclass(frozen=True)
class Reached:
    """How far a training has come.

    Args:
        epochs: that are done.
        batches: of the next one that are done.
        sums: over these batches.
        random: states of the random generators after them, as `random_states` gives them.
    """

    epochs: int = 0
    batches: int = 0
    sums: dict[str, Any] = field(default_factory=dict)
    random: list[torch.Tensor] = field(default_factory=list)


class AlreadyOver(Exception):
    """The run had ended well before this attempt: process 0 says so to the others."""


class Checkpoints:
    """Where a run writes how far it is, and from where it goes on if it is started again.

    The stages are gone through anew, so that each builds the networks it needs; what had been
    trained is not trained again but set to what it was. What is random about an epoch derives from
    the seed and its number; within one the generators are kept, too.

    Args:
        folder: where the files are; None for a process that leaves the writing to another.
        every: epochs between two checkpoints, >= 1; None for none at all.
        stages: names of the stages, in order.
        minutes: longest time without a checkpoint, > 0, after which one is written within an epoch;
            None for any.
        config: the configuration of the run as YAML, which every file holds.
        past: how far earlier attempts have come; None to look in the folder.
    """

    def __init__(
        self,
        folder: Path | None = None,
        every: int | None = None,
        stages: Sequence[str] = (),
        minutes: int | float | None = None,
        config: str = "",
        past: Past | None = None,
    ):
        self.folder = folder if every is not None else None
        self.every, self.minutes, self.config = every, minutes, config
        self.past = past or (Past() if folder is None else found(folder, stages))
        self.good = {stage: [path] for stage, path in self.past.paths.items()}
        self.begun: set[str] = set()
        self.again: set[str] = set()
        self.trained: list[dict[str, Any]] = []
        self.replays: deque[dict[str, Any]] = deque()
        self.classes: list[str] = []
        self.written = time.monotonic()

    def tell_apart(self, class_names: Sequence[str]) -> None:
        """What the networks tell apart is kept with them. Raises `DataError` where the run had
        other classes before it was interrupted.
        """
        self.classes = list(class_names)
        for state in [*self.past.finished.values(), self.past.training]:
            refuse_others((state or {}).get("classes"), self.classes, self.folder or "the run")

    def share(self, device: torch.device) -> None:
        """Every process goes on from where the first one found the run; that one says so. Raises
        `AlreadyOver`.
        """
        for note in self.past.notes:
            logger.warning("%s", note)
        if self.past.place is not None:
            logger.info("resumed after %s", self.past.place)
        self.past = from_first(self.past, device)
        if self.past.over:
            raise AlreadyOver

    def enter(self, stage: str) -> dict[str, Any] | None:
        """A stage begins; `network` and `block` of one that had ended in an earlier attempt, None
        otherwise.
        """
        ended = self.past.finished.pop(stage, None)
        self.trained, self.replays = [], deque([] if ended is None else ended["trained"])
        return ended

    def replay(self) -> dict[str, Any] | None:
        """`network` and `shown` of a training that a stage which had ended comes to again."""
        return self.replays.popleft() if self.replays else None

    def resume(self, name: str, parts: Mapping[str, Any]) -> Reached:
        """Sets the parts of a training to where it had come, and says where that is.

        Of several trainings under one name the first alone has checkpoints; the others begin anew
        when their stage is resumed.
        """
        if name in self.begun:
            self.again.add(name)
        state = None if name in self.begun else self._training(name)
        self.begun.add(name)
        if state is None:
            return Reached()
        own = state["own"][rank()] if state.get("own") else {}
        with self.taking_over(name):
            for key, part in _stateful(parts).items():
                known = own if key in OWN else state
                if key in known or key not in (*OWN, *LATER):
                    part.load_state_dict(known.pop(key))
        return Reached(
            state["epoch"], state.get("batch") or 0, state.get("sums", {}), own.get("random", [])
        )

    def taking_over(self, stage: str) -> AbstractContextManager[None]:
        """Within the block something is set to what was kept of a stage. Raises `ConfigError` where
        that does not fit.
        """
        return taken_over(self.past.ends.get(stage, self.past.paths.get(stage)))

    def seconds(self, name: str) -> float:
        """The time that earlier attempts have spent on what is done."""
        return (self._training(name) or {}).get("seconds", 0.0)

    def save(
        self,
        name: str,
        epoch: int,
        last: int,
        parts: Mapping[str, Any],
        metrics: str,
        seconds: float,
    ) -> None:
        """Writes a checkpoint after `epoch` of `last`, if one is due, and drops those before the
        last ones.
        """
        if self.folder is None or name in self.again or (epoch % self.every and epoch != last):
            return
        self._write(
            name,
            place(epoch),
            {
                "epoch": epoch,
                "metrics": metrics,
                "seconds": seconds,
                "classes": self.classes,
                **_shared(parts),
            },
        )

    def due(self) -> bool:
        """Whether the last checkpoint is too long ago to wait for the end of the epoch."""
        return (
            self.folder is not None
            and self.minutes is not None
            and time.monotonic() - self.written > 60 * self.minutes
        )

    def within(
        self, name: str, reached: Reached, parts: Mapping[str, Any], metrics: str, seconds: float
    ) -> None:
        """Writes a checkpoint at the edge of a batch; every process must come here."""
        own = gathered(
            {
                "random": reached.random,
                **{key: part.state_dict() for key, part in _stateful(parts).items() if key in OWN},
            }
        )
        if self.folder is None or name in self.again:
            return
        done = {"epoch": reached.epochs, "batch": reached.batches, "sums": reached.sums, "own": own}
        done |= {"metrics": metrics, "seconds": seconds, "classes": self.classes}
        self._write(name, place(reached.epochs + 1, reached.batches), {**done, **_shared(parts)})
        logger.info(
            "kept after batch %d of epoch %d of %s", reached.batches, reached.epochs + 1, name
        )

    def train_ended(self, network: Stateful, shown: dict[str, Any]) -> None:
        """A training of the stage has ended with this network."""
        if self.folder is not None:
            weights = {
                key: value.detach().to("cpu", copy=True)
                for key, value in network.state_dict().items()
            }
            self.trained.append({"network": weights, "shown": plain(shown)})

    def finish(self, stage: str, network: Stateful, block: dict[str, Any], metrics: str) -> None:
        """Writes that a stage has ended, with its network and its result."""
        if self.folder is None:
            return
        state = {
            "network": network.state_dict(),
            "block": plain(block),
            "metrics": metrics,
            "trained": self.trained,
        }
        write(
            self.folder, stage, FINISHED, {"config": self.config, "classes": self.classes, **state}
        )
        self._drop(stage, self.good.get(stage, [])[-1:])

    def close(self) -> None:
        """The run has ended: of each stage the last epoch is left, for whoever wants its network or
        its optimizer.
        """
        for path in self.folder.glob(f"*-{FINISHED}-*.pt") if self.folder is not None else ():
            path.unlink(missing_ok=True)

    def _training(self, name: str) -> dict[str, Any] | None:
        return self.past.training if name == self.past.stage else None

    def _write(self, name: str, at: str, state: dict[str, Any]) -> None:
        good = self.good.setdefault(name, [])
        path = write(self.folder, name, at, {"config": self.config, **state})
        good[:] = [*(each for each in good if each != path), path]
        whole = [each for each in good if is_whole_epoch(each)] or [
            each for each in names(self.folder, name) if is_whole_epoch(each)
        ]
        self._drop(name, [*whole[-1:], *good[-KEPT:]])
        self.written = time.monotonic()

    def _drop(self, name: str, kept: list[Path]) -> None:
        # Only what this process has read or written itself is known to be good.
        for path in names(self.folder, name) if kept else ():
            if path not in kept:
                path.unlink(missing_ok=True)


def _stateful(parts: Mapping[str, Any]) -> dict[str, Stateful]:
    return {key: part for key, part in parts.items() if isinstance(part, Stateful)}


def _shared(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: part.state_dict() for key, part in _stateful(parts).items() if key not in OWN}


def random_states() -> list[torch.Tensor]:
    """States of the random generators of this process: of the CPU, and of the CUDA device if one is
    in use.
    """
    return [
        torch.get_rng_state(),
        *([torch.cuda.get_rng_state()] if torch.cuda.is_initialized() else []),
    ]


def set_random_states(states: list[torch.Tensor]) -> None:
    """Sets the generators to what `random_states` has given; to nothing new where it has not."""
    for state, setting in zip(
        states, (torch.set_rng_state, torch.cuda.set_rng_state), strict=False
    ):
        setting(state)
