"""What a run will take: time and memory, said when its first steps have been measured."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import torch

from snnexp.datasets.batches import Batches
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.progress.durations import clock
from snnexp.progress.forecast import Forecast, Part
from snnexp.progress.work import Work, doing
from snnexp.track.muted import Muted
from snnexp.track.trackers import Trackers
from snnexp.training.rehearsal import needed_to_evaluate, rehearsed
from snnexp.training.shortage import available, in_gigabytes, resident

BACKWARD = 3
"""A training step takes about as long as so many forward passes."""


@dataclass(frozen=True)
class Task:
    """What a stage has to do.

    Args:
        stage: its name.
        form: of the network that it leaves.
        untrained: makes a network of that form.
        trained: images times timesteps of its training.
        evaluated: of its evaluations.
        made: of all else, such as a conversion.
    """

    stage: str
    form: str
    untrained: Callable[[Blueprint], Network]
    trained: int | float
    evaluated: int | float
    made: int | float


class Outlook:
    """Follows the stages of a run, and says once what it will take in all.

    Rates are seconds per image and timestep. That of the first training is measured in its first
    steps; an evaluation in the same form is taken to need a third of it. Other forms are rehearsed
    with a few images before. What nothing is known of, such as networks of spike times before they
    are evaluated, is left open.

    Args:
        tasks: of all stages that are left, in order; without any nothing is said.
        trackers: where it is said.
        device: of the run.
    """

    def __init__(
        self,
        tasks: Sequence[Task] = (),
        trackers: Trackers | Muted | None = None,
        device: torch.device | None = None,
    ):
        self.tasks = tasks
        self.trackers = trackers
        self.device = device
        self.said = not tasks
        self.resident = 0
        self.evaluating = 0
        """Bytes that the evaluation which is known to need most needs."""
        self.needed_by: Callable[[Network], int] = lambda network: 0
        self.parts = {
            (task.stage, kind): Part(task.stage, kind, size)
            for task in tasks
            for kind, size in (
                ("making", task.made),
                ("training", task.trained),
                ("evaluating", task.evaluated),
            )
        }
        self.forecast = Forecast(list(self.parts.values()))

    def begin(
        self,
        blueprint: Blueprint,
        batches: Batches,
        largest: int,
        chunk: int,
        precision: torch.dtype,
    ) -> None:
        """Rehearses the forms that no first steps will tell of; says all if nothing is trained.

        Args:
            blueprint: of the run.
            batches: that are evaluated.
            largest: images of a batch.
            chunk: timesteps of a call of an evaluation.
            precision: dtype of autocast.
        """
        if self.said:
            return
        self.resident = resident(self.device)
        self.needed_by = partial(
            needed_to_evaluate, batches=batches, largest=largest, chunk=chunk, precision=precision
        )
        first = self._first_trained()
        known = None if first is None else first.form
        for form in dict.fromkeys(task.form for task in self.tasks if task.form != known):
            # What cannot be built is said when its stage begins.
            with doing("estimating how long it takes"), suppress(ValueError):
                task = next(task for task in self.tasks if task.form == form)
                network = task.untrained(blueprint).to(self.device)
                self._guess(form, rehearsed(network, batches, largest, precision))
                self.see(network)
        self.trackers.foresee(self.forecast)
        if first is None:
            self._say(0)

    def see(self, network: Network) -> None:
        """Takes in what memory an evaluation of a network needs."""
        if not self.said:
            self.evaluating = max(self.evaluating, self.needed_by(network))

    def resume(self, stage: str, share: float) -> None:
        """A stage goes on with the `share` of its epochs behind it."""
        for kind in ("training", "evaluating"):
            if (part := self.parts.get((stage, kind))) is not None:
                part.done = part.size * share

    def measured(self, stage: str, work: Work, needed: int) -> None:
        """The first steps of a training have been measured.

        Args:
            stage: its name.
            work: the epoch.
            needed: bytes of a step.
        """
        first, pace = self._first_trained(), work.pace()
        if self.said or first is None or pace is None or not work.size or not work.total:
            return
        if stage == first.stage:
            self._guess(first.form, pace * work.total / work.size / BACKWARD)
        self._say(needed)

    def _first_trained(self) -> Task | None:
        return next((task for task in self.tasks if task.trained), None)

    def _guess(self, form: str, rate: float | None) -> None:
        """Sets what is not measured of stages of a form, from the rate of a forward pass."""
        factors = {"training": BACKWARD, "evaluating": 1, "making": 1}
        for task in self.tasks:
            for kind, factor in factors.items():
                part = self.parts[task.stage, kind]
                if rate is not None and task.form == form and not part.measured:
                    part.rate = factor * rate

    def _say(self, needed: int) -> None:
        self.said = True
        if self.trackers is not None:
            self.trackers.say("  ".join([*self._times(), *self._memory(needed)]))

    def _times(self) -> list[str]:
        times = {task.stage: self.forecast.seconds_of(task.stage) for task in self.tasks}
        known = [time for time in times.values() if time is not None]
        each = [
            f"{stage} {'not known yet' if time is None else clock(time)}"
            for stage, time in times.items()
        ]
        some = "more than " if len(known) < len(times) else "about "
        parts = f" ({', '.join(each)})" if len(times) > 1 or not known else ""
        return [f"estimate  {some}{clock(sum(known))}{parts}"]

    def _memory(self, needed: int) -> list[str]:
        most = max(needed, self.evaluating)
        if not most or self.device is None:
            return []
        free = available(self.device)
        total = in_gigabytes(self.resident + most)
        return [f"memory about {total}" + ("" if free is None else f", {in_gigabytes(free)} free")]
