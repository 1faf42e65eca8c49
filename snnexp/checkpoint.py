"""Checkpoints of a run: files that appear whole or not at all. One that is damaged is never used, but the one before it."""

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from snnexp.atomic import plain
from snnexp.checkpoint_file import FINISHED, Past, found, names, write
from snnexp.datasets.names import refuse_others
from snnexp.distributed import from_first

KEPT = 2
"""Checkpoints of the stage that goes on; of a stage that has ended the last stays."""

logger = logging.getLogger(__name__)


@runtime_checkable
class Stateful(Protocol):
    """A network, an optimizer, a schedule: what can say how it stands, and be set to that."""

    def state_dict(self) -> dict[str, Any]:
        """How it stands, in tensors and plain values."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Sets it to how it stood."""


class Checkpoints:
    """Where a run writes how far it is, and from where it goes on if it is started again.

    The stages are gone through anew, so that each builds the networks it needs; what had been trained is not trained again but set to
    what it was. Nothing random is kept: all of that derives from the seed and the epoch.

    Args:
        folder: where the files are; None for a process that leaves the writing to another.
        every: epochs between two checkpoints, >= 1; None for none at all.
        stages: names of the stages, in order.
    """

    def __init__(self, folder: Path | None = None, every: int | None = None, stages: Sequence[str] = ()):
        self.folder = folder if every is not None else None
        self.every = every
        self.past = Past() if folder is None else found(folder, stages)
        self.good = {stage: [path] for stage, path in self.past.paths.items()}
        self.begun: set[str] = set()
        self.again: set[str] = set()
        self.trained: list[dict[str, Any]] = []
        self.replays: deque[dict[str, Any]] = deque()
        self.classes: list[str] = []

    def tell_apart(self, class_names: Sequence[str]) -> None:
        """What the networks tell apart is kept with them. Raises `DataError` where the run had other classes before it was interrupted."""
        self.classes = list(class_names)
        for state in [*self.past.finished.values(), self.past.training]:
            refuse_others((state or {}).get("classes"), self.classes, self.folder or "the run")

    def share(self, device: torch.device) -> None:
        """Every process goes on from where the first one found the run; that one says so."""
        for note in self.past.notes:
            logger.warning("%s", note)
        if self.past.place is not None:
            logger.info("resumed after %s", self.past.place)
        self.past = from_first(self.past, device)

    def enter(self, stage: str) -> dict[str, Any] | None:
        """A stage begins; `network` and `block` of one that had ended in an earlier attempt, None otherwise."""
        ended = self.past.finished.pop(stage, None)
        self.trained, self.replays = [], deque([] if ended is None else ended["trained"])
        return ended

    def replay(self) -> dict[str, Any] | None:
        """`network` and `shown` of a training that a stage which had ended comes to again."""
        return self.replays.popleft() if self.replays else None

    def resume(self, name: str, parts: Mapping[str, Stateful]) -> int:
        """Sets the parts of a training to where it had come; the number of epochs that are done.

        Of several trainings under one name the first alone has checkpoints; the others begin anew when their stage is resumed.
        """
        if name in self.begun:
            self.again.add(name)
        state = None if name in self.begun else self._training(name)
        self.begun.add(name)
        if state is None:
            return 0
        for key, part in parts.items():
            part.load_state_dict(state.pop(key))
        return state["epoch"]

    def seconds(self, name: str) -> float:
        """The time that earlier attempts have spent on the epochs that are done."""
        return (self._training(name) or {}).get("seconds", 0.0)

    def save(self, name: str, epoch: int, last: int, parts: Mapping[str, Stateful], records: int, seconds: float) -> None:
        """Writes a checkpoint after `epoch` of `last`, if one is due, and drops those before the last two."""
        if self.folder is None or name in self.again or (epoch % self.every and epoch != last):
            return
        state = {
            "epoch": epoch,
            "records": records,
            "seconds": seconds,
            "classes": self.classes,
            **{key: part.state_dict() for key, part in parts.items()},
        }
        self.good.setdefault(name, []).append(write(self.folder, name, f"{epoch:04}", state))
        self._drop(name, KEPT)

    def train_ended(self, network: Stateful, shown: dict[str, Any]) -> None:
        """A training of the stage has ended with this network."""
        if self.folder is not None:
            weights = {key: value.detach().to("cpu", copy=True) for key, value in network.state_dict().items()}
            self.trained.append({"network": weights, "shown": plain(shown)})

    def finish(self, stage: str, network: Stateful, block: dict[str, Any], records: int) -> None:
        """Writes that a stage has ended, with its network and its result."""
        if self.folder is None:
            return
        state = {
            "network": network.state_dict(),
            "block": plain(block),
            "records": records,
            "trained": self.trained,
            "classes": self.classes,
        }
        write(self.folder, stage, FINISHED, state)
        self._drop(stage, 1)

    def close(self) -> None:
        """The run has ended: of each stage the last epoch is left, for whoever wants its network or its optimizer."""
        for path in self.folder.glob(f"*-{FINISHED}-*.pt") if self.folder is not None else ():
            path.unlink(missing_ok=True)

    def _training(self, name: str) -> dict[str, Any] | None:
        return self.past.training if name == self.past.stage else None

    def _drop(self, name: str, kept: int) -> None:
        # Only what this process has read or written itself is known to be good.
        good = self.good.get(name, [])[-kept:]
        for path in names(self.folder, name) if good else ():
            if path not in good:
                path.unlink(missing_ok=True)
