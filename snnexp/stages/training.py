"""The one loop over epochs."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from snnexp.datasets.batches import Batch
from snnexp.distributed import processes, summed
from snnexp.errors import NumericalError
from snnexp.evaluate import autocast
from snnexp.network import Network
from snnexp.stages.base import Session
from snnexp.stages.memory import estimate, explained, warn_if_short


@dataclass(frozen=True)
class Schedule:
    """How a network is trained, whatever its form.

    Args:
        epochs: passes over the training set.
        optimizer: parameters to an optimizer.
        scheduler: optimizer to a schedule of its learning rate, stepped once per epoch.
        loss: scores `[T, B, K]` and labels to a scalar.
        gradient_clip: largest norm of all gradients together; None for no limit.
    """

    epochs: int
    optimizer: Callable[..., Optimizer]
    scheduler: Callable[..., LRScheduler]
    loss: nn.Module
    gradient_clip: float | None


def train(name: str, network: Network, steps: range, schedule: Schedule, session: Session) -> dict:
    """Trains `network` in place on sequences of `steps` and leaves in it the weights that the selection rule keeps.

    Returns:
        What the result file says of training: accuracy_last, accuracy_best_test, accuracy_at_best_validation, selection.

    Raises:
        NumericalError: the loss is not finite.
    """
    optimizer = schedule.optimizer(network.parameters())
    scheduler = schedule.scheduler(optimizer)
    keeper = _Keeper(session.selection)
    needed = estimate(network, steps, session.execution.segments(steps), session.train.sample(2), session.train.batch_size)
    warn_if_short(needed, session.device)
    training = _Training(session.execution.forward(network, steps), partial(explained, len(steps), needed), optimizer, schedule, session)
    for epoch in range(1, schedule.epochs + 1):
        started = time.perf_counter()
        torch.manual_seed(_epoch_seed(session.train.seed, epoch))  # dropout: a pure function of (seed, epoch)
        record = {"stage": name, "epoch": epoch, "learning_rate": optimizer.param_groups[0]["lr"]}
        record |= training.epoch(epoch)
        scheduler.step()
        if epoch % session.evaluate_every == 0 or epoch == schedule.epochs:
            record |= _measured(network, session)
            _guard(record["test/loss"], f"the evaluation after epoch {epoch}")
            keeper.see(network, record)
        session.trackers.epoch(record, schedule.epochs, time.perf_counter() - started)
    return keeper.restore(network)


def _epoch_seed(seed: int, epoch: int) -> int:
    return (seed * 1_000_003 + epoch) % 2**63


Explain = Callable[[int, BaseException], BaseException]
"""From the size of a batch and what went wrong with it to the error to raise."""


class _Training:
    """Passes over the training set."""

    def __init__(self, forward: nn.Module, explain: Explain, optimizer: Optimizer, schedule: Schedule, session: Session):
        self.forward = forward
        self.explain = explain
        self.optimizer = optimizer
        self.schedule = schedule
        self.session = session

    def epoch(self, epoch: int) -> dict[str, float]:
        """Trains on every batch once; mean loss and accuracy along the way, of all processes together."""
        self.forward.train()
        loss, correct, seen = 0.0, 0, 0
        for number, batch in enumerate(self.session.train.epoch(epoch, shuffle=True)):
            value, hits = self._step(batch, self.session.train.size_of(number))
            loss, correct, seen = loss + value * len(batch.labels), correct + hits, seen + len(batch.labels)
            _guard(value, f"epoch {epoch}, batch {number + 1}")
            self.session.trackers.advance(number + 1, len(self.session.train))
        loss, correct, seen = summed(loss, correct, seen, device=self.session.device)
        return {"train/loss": loss / seen, "train/accuracy": 100.0 * correct / seen}

    def _step(self, batch: Batch, whole: int) -> tuple[float, int]:
        try:
            return self._descend(batch, whole)
        except (MemoryError, RuntimeError) as error:
            raise self.explain(whole, error) from error

    def _descend(self, batch: Batch, whole: int) -> tuple[float, int]:
        with autocast(self.session.device, self.session.precision):
            logits = self.forward(batch.images, batch.keys)
        loss = self.schedule.loss(logits, batch.labels)
        self.optimizer.zero_grad(set_to_none=True)
        # Gradients are averaged over processes; this makes their average that of the whole batch.
        (loss * (len(batch.labels) * processes() / whole)).backward()
        if self.schedule.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.forward.parameters(), self.schedule.gradient_clip)
        self.optimizer.step()
        return float(loss.detach()), _hits(logits, batch.labels)


def _hits(logits: Tensor, labels: Tensor) -> int:
    return int((logits[-1].argmax(-1) == labels).sum())


def _guard(loss: float, place: str) -> None:
    if not math.isfinite(loss):
        raise NumericalError(f"the loss is {loss} in {place}; lower optimizer.lr, set gradient_clip, or use precision=float32")


def _measured(network: Network, session: Session) -> dict[str, float]:
    splits = {"test": session.test} | ({"validation": session.validation} if session.validation is not None else {})
    measured = {split: session.evaluator(network, batches) for split, batches in splits.items()}
    return {f"{split}/{key}": getattr(each, key) for split, each in measured.items() for key in ("loss", "accuracy")}


class _Keeper:
    """Remembers the accuracies a paper may mean, and the weights the selection rule keeps."""

    def __init__(self, selection: str):
        self.selection = selection
        self.best: dict[str, float | None] = {"best_test": None, "best_validation": None}
        self.at_best_validation: float | None = None
        self.last: float | None = None
        self.kept: dict[str, Tensor] | None = None

    def see(self, network: Network, record: dict) -> None:
        self.last = record["test/accuracy"]
        for rule, key in (("best_test", "test/accuracy"), ("best_validation", "validation/accuracy")):
            if key in record and (self.best[rule] is None or record[key] > self.best[rule]):
                self.best[rule] = record[key]
                self._improved(rule, network, record)

    def _improved(self, rule: str, network: Network, record: dict) -> None:
        if rule == "best_validation":
            self.at_best_validation = record["test/accuracy"]
        if rule == self.selection:
            self.kept = {name: value.detach().clone() for name, value in network.state_dict().items()}

    def restore(self, network: Network) -> dict:
        if self.kept is not None:
            network.load_state_dict(self.kept)
        shown = {"selection": self.selection, "accuracy_last": self.last, "accuracy_best_test": self.best["best_test"]}
        return shown | ({} if self.at_best_validation is None else {"accuracy_at_best_validation": self.at_best_validation})
