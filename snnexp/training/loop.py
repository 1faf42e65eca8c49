"""The one loop over epochs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from snnexp.datasets.batches import Batch
from snnexp.distributed import align, summed
from snnexp.finite import require_finite
from snnexp.network.network import Network
from snnexp.progress.work import doing, within
from snnexp.report.lines import epoch_of
from snnexp.runs.checkpoint import Reached
from snnexp.stopping import Stopped, asked, told
from snnexp.training.activity import warn_of_idle
from snnexp.training.average import Average
from snnexp.training.course import Course
from snnexp.training.descent import Descent
from snnexp.training.evaluation import evaluated
from snnexp.training.execution import TrainingPass
from snnexp.training.keeper import Keeper
from snnexp.training.memory import estimate
from snnexp.training.parameters import optimizer
from snnexp.training.schedule import Schedule
from snnexp.training.session import Session
from snnexp.training.shortage import explained, warn_if_short
from snnexp.training.watch import Watch

MEASURED = 5
"""Steps after which it is said how long the run will take; or all, where an epoch has fewer."""


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
    loop = Loop(name, network, steps, schedule, session)
    loop.run(training_pass)
    return loop.conclude()


class Loop:
    """The training of a network in a stage, from the epoch and batch that it had come to.

    Arguments as those of `train`.
    """

    def __init__(
        self, name: str, network: Network, steps: range, schedule: Schedule, session: Session
    ):
        self.name = name
        self.network = network
        self.steps = steps
        self.schedule = schedule
        self.session = session
        self.optimizer = optimizer(network, schedule)
        self.scheduler = schedule.scheduler(self.optimizer)
        self.keeper = Keeper(session.selection)
        self.average = Average(schedule.average, network)
        self.course = Course()
        """Of the epoch that is being run."""
        self.epochs = 0
        """That are done."""
        self.needed = 0
        """Bytes that a step needs, by an estimate."""
        self.fresh = True
        """Whether no step has been made yet."""

    @property
    def changing(self) -> dict[str, Any]:
        """What changes from batch to batch and from epoch to epoch, by its name in a checkpoint."""
        return {
            "network": self.network,
            "optimizer": self.optimizer,
            "scheduler": self.scheduler,
            "keeper": self.keeper,
            "loss": self.schedule.loss,
            "between": self.schedule.between,
            "average": self.average,
        }

    @property
    def over(self) -> bool:
        """Whether all epochs are done, or the validation set has seen nothing better for long."""
        patience = self.schedule.patience
        stale = patience is not None and self.keeper.waiting >= patience
        return self.epochs == self.schedule.epochs or stale

    def run(self, training_pass: TrainingPass | None = None) -> None:
        """Trains to the last epoch, or until nothing gets better."""
        self.resume()
        if self.over:
            return
        with self._kept_if_stopped():
            descent = self.prepare(training_pass)
        while not self.over:
            self.one_epoch(descent)

    def resume(self) -> None:
        """Goes to where the checkpoint of the run, if there is one, says that it had come to."""
        self.begun = time.perf_counter() - self.session.checkpoints.seconds(self.name)
        reached = self.session.checkpoints.resume(self.name, self.changing)
        self.course = Course.after(reached)
        self.epochs = min(reached.epochs, self.schedule.epochs)
        if self.epochs:
            self.session.outlook.resume(self.name, self.epochs / self.schedule.epochs)
        # Else torch warns where the schedule is stepped first in this process.
        self.optimizer._opt_called = reached.batches > 0

    def prepare(self, training_pass: TrainingPass | None) -> Descent:
        """What trains on a batch; says so if memory looks short."""
        session = self.session
        with doing("estimating the memory of"):
            self.needed = estimate(
                session.execution,
                self.network,
                self.steps,
                session.train,
                session.precision,
                training_pass,
            )
            session.outlook.see(self.network)
        warn_if_short(self.needed, session.device)
        return Descent(
            session.execution.forward(self.network, self.steps, training_pass),
            self.schedule,
            self.optimizer,
            self.average,
            session,
            Watch(self.name, self.network, session, self.schedule.gradient_clip is not None),
            partial(explained, len(self.steps), self.needed),
        )

    def one_epoch(self, descent: Descent) -> None:
        """Trains on every image once, evaluates, records, and leaves a checkpoint."""
        started, epoch = time.perf_counter(), self.epochs + 1
        self._tell(0.0)
        rate = self.optimizer.param_groups[0]["lr"]
        record = {"stage": self.name, "epoch": epoch, "learning_rate": rate}
        with within(epoch_of(epoch, self.schedule.epochs)), self._kept_if_stopped():
            record |= self._trained_and_measured(epoch, descent)
        self.scheduler.step()
        if epoch < self.schedule.epochs:
            record |= self.schedule.between(self._seed(epoch))
        self.session.trackers.epoch(record, self.schedule.epochs, time.perf_counter() - started)
        self._finish(epoch)

    def conclude(self) -> dict:
        """Leaves in the network the weights that are kept; what the result says of training."""
        self.average.settle()
        shown = self.keeper.restore(self.network)
        if self.epochs < self.schedule.epochs:
            shown["stopped_after"] = self.epochs
        # What follows draws the same, whether all epochs were run now or before.
        torch.manual_seed(self._seed(self.schedule.epochs + 1))
        self.session.checkpoints.train_ended(self.network, shown)
        return shown

    def _trained_and_measured(self, epoch: int, descent: Descent) -> dict:
        torch.manual_seed(self._seed(epoch))  # dropout: a pure function of (seed, epoch)
        shown = self._pass_over(epoch, descent)
        # Before a checkpoint, or the best weights, could take it in.
        require_finite(self.network, f"stage {self.name}, after epoch {epoch}")
        if epoch == 1:
            warn_of_idle(self.network, self.steps, self.session)
        if epoch % self.session.evaluate_every == 0 or epoch == self.schedule.epochs:
            shown |= self._measured(epoch)
        return shown

    def _pass_over(self, epoch: int, descent: Descent) -> dict[str, float]:
        """Trains on the batches that are left of an epoch; mean loss and accuracy along the way, of
        all processes together.
        """
        train, course = self.session.train, self.course
        descent.forward.train()
        course.begin()
        number = self.session.epochs_before + epoch
        size = len(train.split) * len(self.steps)
        with doing("training", len(train), "batches", size, first=course.batches) as work:
            for batch in train.epoch(number, shuffle=True, first=course.batches):
                self._tell(course.batches / len(train))
                course.add(*self._step(descent, batch, epoch))
                work.advance()
                if work.done - work.first == min(MEASURED, len(train)):
                    self.session.outlook.measured(self.name, work, self.needed)
                self._stop_or_keep()
        align(descent.forward)
        return course.shown()

    def _step(self, descent: Descent, batch: Batch, epoch: int) -> tuple[float, int, int]:
        place = (epoch, self.course.batches + 1)
        if not (self.session.execution.compile and self.fresh):
            return descent.step(batch, place)
        self.fresh = False
        with doing("compiling"):
            return descent.step(batch, place)

    def _stop_or_keep(self) -> None:
        """Obeys at the edge of a batch. Summed at every step, so that all processes stop at the
        same one: the others would wait for a process that stops alone.
        """
        stop, due = summed(
            int(asked() is not None),
            int(self.session.checkpoints.due()),
            device=self.session.device,
        )
        if stop:
            raise Stopped(told())
        if due:
            self._keep()

    def _measured(self, epoch: int) -> dict[str, float]:
        place = f"stage {self.name}, the evaluation after epoch {epoch}"
        with self.average.applied():
            measured = evaluated(self.network, self.session, place)
            self.keeper.see(self.network, measured)
        return measured

    @contextmanager
    def _kept_if_stopped(self) -> Iterator[None]:
        """Writes a checkpoint if the block is left because the run is asked to stop: that is raised
        where no batch is half done.
        """
        try:
            yield
        except Stopped:
            self._keep()
            raise

    def _keep(self) -> None:
        """Writes a checkpoint within an epoch."""
        reached: Reached = self.course.reached(self.epochs)
        records = self.session.trackers.records
        seconds = time.perf_counter() - self.begun
        self.session.checkpoints.within(self.name, reached, self.changing, records, seconds)

    def _finish(self, epoch: int) -> None:
        """Writes a checkpoint at the end of an epoch."""
        epochs, records = self.schedule.epochs, self.session.trackers.records
        seconds = time.perf_counter() - self.begun
        self.session.checkpoints.save(self.name, epoch, epochs, self.changing, records, seconds)
        self.course = Course()
        self.epochs = epoch

    def _tell(self, share: float) -> None:
        """Says what share of the epoch is over to a schedule that changes within it."""
        if hasattr(self.scheduler, "within"):
            self.scheduler.within(share)

    def _seed(self, epoch: int) -> int:
        seed = self.session.train.seed * 1_000_003
        return (seed + self.session.epochs_before + epoch) % 2**63
