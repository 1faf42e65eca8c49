"""The one loop over epochs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from snnexp.datasets.batches import Batch
from snnexp.distributed import align, processes, summed
from snnexp.errors import NumericalError
from snnexp.finite import require_figures, require_finite
from snnexp.losses.base import Loss
from snnexp.measure.answers import right
from snnexp.measure.evaluator import autocast
from snnexp.network.network import Network
from snnexp.stopping import Stopped, asked, told
from snnexp.training.activity import warn_of_idle
from snnexp.training.average import Average
from snnexp.training.clip import clip
from snnexp.training.course import Course
from snnexp.training.execution import TrainingPass
from snnexp.training.keeper import Keeper
from snnexp.training.memory import estimate, explained, warn_if_short
from snnexp.training.parameters import parameter_groups
from snnexp.training.session import Session
from snnexp.training.watch import Watch


@dataclass(frozen=True)
class Schedule:
    """How a network is trained, whatever its form.

    Args:
        epochs: passes over the training set.
        optimizer: parameters to an optimizer.
        scheduler: optimizer to a schedule of its learning rate, stepped once per epoch; one that
            has a `within` is told at every batch what share of the epoch is over.
        loss: a reading of the network and labels to a scalar; one that has a `see` is shown every
            batch before its reading.
        gradient_clip: largest norm of all gradients together; None for no limit.
        average: decay of an exponential average of the weights, which is then what is evaluated and
            kept; None for none.
        between: what is done to the network between two epochs, told a seed that belongs to the
            first; what it returns is recorded.
    """

    epochs: int
    optimizer: Callable[..., Optimizer]
    scheduler: Callable[..., LRScheduler]
    loss: Loss
    gradient_clip: float | None
    between: Callable[[int], dict] = lambda seed: {}
    average: float | None = None


def train(
    name: str,
    network: Network,
    steps: range,
    schedule: Schedule,
    session: Session,
    training_pass: TrainingPass | None = None,
) -> dict:
    """Trains `network` in place on sequences of `steps` and leaves in it the weights that the
    selection rule keeps.

    A run that is resumed goes on after the last batch of which there is a checkpoint, and comes to
    the same weights. One that is asked to stop writes one at the edge of the batch.

    Args:
        name: of the stage.
        network: in the form that is trained.
        steps: the timesteps.
        schedule: how it is trained.
        session: what the stages share.
        training_pass: how a batch is trained on; None for the one through time.

    Returns:
        What the result file says of training: accuracy_last, accuracy_best_test,
            accuracy_at_best_validation, selection.

    Raises:
        NumericalError: a loss, gradient or weight is not finite, nor potential or score of an
            evaluation.
        Stopped: the run was asked to stop.
    """
    replayed = session.checkpoints.replay()
    if replayed is not None:
        with session.checkpoints.taking_over(name):
            network.load_state_dict(replayed["network"])
        return replayed["shown"]
    parts = _Parts.of(network, schedule, session)
    _epochs(name, parts, steps, schedule, session, training_pass)
    parts.average.settle(network)
    shown = parts.keeper.restore(network)
    torch.manual_seed(
        _epoch_seed(session, schedule.epochs + 1)
    )  # what follows draws the same, whether all epochs were run now or before
    session.checkpoints.train_ended(network, shown)
    return shown


@dataclass(frozen=True)
class _Parts:
    """What changes from batch to batch and from epoch to epoch."""

    network: Network
    optimizer: Optimizer
    scheduler: LRScheduler
    keeper: Keeper
    loss: Loss
    between: Callable[[int], dict]
    average: Average

    @classmethod
    def of(cls, network: Network, schedule: Schedule, session: Session) -> "_Parts":
        by_role = getattr(getattr(schedule.optimizer, "func", None), "by_role", False)
        optimizer = schedule.optimizer(parameter_groups(network, by_role))
        keeper, average = Keeper(session.selection), Average(schedule.average, network)
        return cls(
            network,
            optimizer,
            schedule.scheduler(optimizer),
            keeper,
            schedule.loss,
            schedule.between,
            average,
        )


def bound(network: nn.Module) -> None:
    """Puts learned numbers that have a range, such as thresholds and leaks, back into it: every
    module that has a `bound` does its own.
    """
    for module in network.modules():
        if hasattr(module, "bound"):
            module.bound()


def _epochs(
    name: str,
    parts: _Parts,
    steps: range,
    schedule: Schedule,
    session: Session,
    training_pass: TrainingPass | None,
) -> None:
    begun = time.perf_counter() - session.checkpoints.seconds(name)
    reached = session.checkpoints.resume(name, vars(parts))
    if reached.epochs >= schedule.epochs:
        return
    parts.optimizer._opt_called = (
        reached.batches > 0
    )  # else torch warns where the schedule is stepped first in this process
    course, keep = Course.after(reached), partial(_keep, name, parts, session, begun)
    with _kept_if_stopped(partial(keep, course, reached.epochs)):
        training = _prepared(name, parts, steps, schedule, session, training_pass)
    for epoch in range(reached.epochs + 1, schedule.epochs + 1):
        started = time.perf_counter()
        _tell(parts.scheduler, 0.0)
        record = {
            "stage": name,
            "epoch": epoch,
            "learning_rate": parts.optimizer.param_groups[0]["lr"],
        }
        with _kept_if_stopped(partial(keep, course, epoch - 1)) as keep_now:
            record |= _one(name, epoch, training, course, keep_now, parts, schedule, session)
        parts.scheduler.step()
        if epoch < schedule.epochs:
            record |= schedule.between(_epoch_seed(session, epoch))
        session.trackers.epoch(record, schedule.epochs, time.perf_counter() - started)
        seconds = time.perf_counter() - begun
        session.checkpoints.save(
            name, epoch, schedule.epochs, vars(parts), session.trackers.records, seconds
        )
        course = Course()


def _prepared(
    name: str,
    parts: _Parts,
    steps: range,
    schedule: Schedule,
    session: Session,
    training_pass: TrainingPass | None,
) -> "_Training":
    needed = estimate(
        session.execution, parts.network, steps, session.train, session.precision, training_pass
    )
    warn_if_short(needed, session.device)
    forward = session.execution.forward(parts.network, steps, training_pass)
    watch = Watch(name, parts.network, session, schedule.gradient_clip is not None)
    return _Training(
        forward, steps, partial(explained, len(steps), needed), parts, schedule, session, watch
    )


@contextmanager
def _kept_if_stopped(keep: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Writes a checkpoint if the block is left because the run is asked to stop: that is raised
    where no batch is half done.
    """
    try:
        yield keep
    except Stopped:
        keep()
        raise


def _one(
    name: str,
    epoch: int,
    training: "_Training",
    course: Course,
    keep: Callable,
    parts: _Parts,
    schedule: Schedule,
    session: Session,
) -> dict:
    """An epoch and the evaluation after it: what they have shown."""
    torch.manual_seed(_epoch_seed(session, epoch))  # dropout: a pure function of (seed, epoch)
    shown = training.epoch(epoch, course, keep)
    place = f"stage {name}, after epoch {epoch}"
    require_finite(
        parts.network, place
    )  # before a checkpoint, or the best weights, could take it in
    if epoch == 1:
        warn_of_idle(parts.network, training.steps, session)
    if epoch % session.evaluate_every == 0 or epoch == schedule.epochs:
        with parts.average.applied(parts.network):
            shown |= _measured(
                parts.network, session, f"stage {name}, the evaluation after epoch {epoch}"
            )
            parts.keeper.see(parts.network, shown)
    return shown


def _keep(
    name: str, parts: _Parts, session: Session, begun: float, course: Course, epochs: int
) -> None:
    """Writes a checkpoint within an epoch that so many epochs lie behind."""
    seconds = time.perf_counter() - begun
    session.checkpoints.within(
        name, course.reached(epochs), vars(parts), session.trackers.records, seconds
    )


def _tell(scheduler: LRScheduler, share: float) -> None:
    """Says what share of the epoch is over to a schedule that changes within it."""
    if hasattr(scheduler, "within"):
        scheduler.within(share)


def _epoch_seed(session: Session, epoch: int) -> int:
    return (session.train.seed * 1_000_003 + session.epochs_before + epoch) % 2**63


Explain = Callable[[int, BaseException], BaseException]
"""From the size of a batch and what went wrong with it to the error to raise."""


class _Training:
    """Passes over the training set."""

    def __init__(
        self,
        forward: nn.Module,
        steps: range,
        explain: Explain,
        parts: _Parts,
        schedule: Schedule,
        session: Session,
        watch: Watch,
    ):
        self.forward = forward
        self.steps = steps
        self.watch = watch
        self.explain = explain
        self.parts = parts
        self.schedule = schedule
        self.session = session

    def epoch(self, epoch: int, course: Course, keep: Callable[[], None]) -> dict[str, float]:
        """Trains on every batch once, on those after `course`; mean loss and accuracy along the
        way, of all processes together.
        """
        self.forward.train()
        course.begin()
        for batch in self.session.train.epoch(
            self.session.epochs_before + epoch, shuffle=True, first=course.batches
        ):
            _tell(self.parts.scheduler, course.batches / len(self.session.train))
            course.add(*self._step(batch, (epoch, course.batches + 1)))
            self.session.trackers.advance(course.batches, len(self.session.train))
            # Summed at every step, so that all processes stop at the same one: the others would
            # wait for a process that stops alone.
            stop, due = summed(
                int(asked() is not None),
                int(self.session.checkpoints.due()),
                device=self.session.device,
            )
            if stop:
                raise Stopped(told())
            if due:
                keep()
        align(self.forward)
        return course.shown()

    def _step(self, batch: Batch, place: tuple[int, int]) -> tuple[float, int, int]:
        whole = self.session.train.size_of(place[1] - 1)
        try:
            return self._descend(batch, whole, place)
        except (MemoryError, RuntimeError) as error:
            raise self.explain(whole, error) from error

    def _descend(self, batch: Batch, whole: int, place: tuple[int, int]) -> tuple[float, int, int]:
        with autocast(self.session.device, self.session.precision):
            if hasattr(self.schedule.loss, "see"):
                self.schedule.loss.see(batch)
            reading = self.forward(batch.input, batch.keys)
        loss = self.schedule.loss(reading, batch.labels)
        self.parts.optimizer.zero_grad(set_to_none=True)
        # Gradients are averaged over processes; this makes their average that of the whole batch.
        (loss * (len(batch.labels) * processes() / whole)).backward()
        sums = self.watch.sums(
            loss, right(reading.scores[-1].detach(), batch.labels).sum(), batch, place
        )
        if self.schedule.gradient_clip is not None:
            clip(self.forward.parameters(), self.schedule.gradient_clip)
        self.parts.optimizer.step()
        bound(self.forward)
        self.parts.average.see(self.parts.network)
        return sums


def _measured(network: Network, session: Session, place: str) -> dict[str, float]:
    splits = {"test": session.test} | (
        {"validation": session.validation} if session.validation is not None else {}
    )
    try:
        measured = {split: session.evaluator(network, batches) for split, batches in splits.items()}
    except NumericalError as error:
        raise NumericalError(f"{place}: {error}") from error
    found = {
        f"{split}/{key}": getattr(each, key)
        for split, each in measured.items()
        for key in ("loss", "accuracy")
    }
    require_figures(found, place)
    return found
