"""The one loop over epochs."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from snnexp.datasets.batches import Batch
from snnexp.errors import NumericalError
from snnexp.evaluate import autocast
from snnexp.network import Network
from snnexp.stages.base import Session


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
    for epoch in range(1, schedule.epochs + 1):
        started = time.perf_counter()
        torch.manual_seed(_epoch_seed(session.train.seed, epoch))  # dropout: a pure function of (seed, epoch)
        record = {"stage": name, "epoch": epoch, "learning_rate": optimizer.param_groups[0]["lr"]}
        record |= _epoch(network, steps, epoch, optimizer, schedule, session)
        scheduler.step()
        if epoch % session.evaluate_every == 0 or epoch == schedule.epochs:
            record |= _measured(network, session)
            keeper.see(network, record)
        session.trackers.epoch(record, schedule.epochs, time.perf_counter() - started)
    return keeper.restore(network)


def _epoch_seed(seed: int, epoch: int) -> int:
    return (seed * 1_000_003 + epoch) % 2**63


def _epoch(network: Network, steps: range, epoch: int, optimizer: Optimizer, schedule: Schedule, session: Session) -> dict[str, float]:
    network.train()
    loss, correct, seen = 0.0, 0, 0
    for number, batch in enumerate(session.train.epoch(epoch, shuffle=True)):
        value, hits = _step(network, steps, batch, optimizer, schedule, session)
        loss, correct, seen = loss + value * len(batch.labels), correct + hits, seen + len(batch.labels)
        _guard(value, epoch, number)
        session.trackers.advance(number + 1, len(session.train))
    return {"train/loss": loss / seen, "train/accuracy": 100.0 * correct / seen}


def _step(network: Network, steps: range, batch: Batch, optimizer: Optimizer, schedule: Schedule, session: Session) -> tuple[float, int]:
    with autocast(session.device, session.precision):
        logits = network(batch.images, steps, batch.keys)
    loss = schedule.loss(logits, batch.labels)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if schedule.gradient_clip is not None:
        nn.utils.clip_grad_norm_(network.parameters(), schedule.gradient_clip)
    optimizer.step()
    return float(loss.detach()), _hits(logits, batch.labels)


def _hits(logits: Tensor, labels: Tensor) -> int:
    return int((logits[-1].argmax(-1) == labels).sum())


def _guard(loss: float, epoch: int, number: int) -> None:
    if not math.isfinite(loss):
        raise NumericalError(
            f"the loss is {loss} in epoch {epoch}, batch {number + 1}; lower optimizer.lr, set gradient_clip, or use precision=float32"
        )


def _measured(network: Network, session: Session) -> dict[str, float]:
    splits = {"test": session.test} | ({"validation": session.validation} if session.validation is not None else {})
    measured = {split: session.evaluator(network, batches) for split, batches in splits.items()}
    return {f"{split}/{key}": getattr(each, key) for split, each in measured.items() for key in ("loss", "accuracy")}


class _Keeper:
    """Remembers the accuracies a paper may mean, and the weights the selection rule keeps."""

    def __init__(self, selection: str):
        self.selection = selection
        self.best = {"best_test": -1.0, "best_validation": -1.0}
        self.at_best_validation: float | None = None
        self.last: float | None = None
        self.kept: dict[str, Tensor] | None = None

    def see(self, network: Network, record: dict) -> None:
        self.last = record["test/accuracy"]
        for rule, key in (("best_test", "test/accuracy"), ("best_validation", "validation/accuracy")):
            if key in record and record[key] > self.best[rule]:
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
