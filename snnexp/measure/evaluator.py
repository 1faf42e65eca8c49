"""Evaluation: one streaming pass gives the accuracy at every timestep and the exact counts of
spikes and operations.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import streaming
from snnexp.datasets.batches import Batch, Batches
from snnexp.distributed import summed, total
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading, joined
from snnexp.measure.answers import added, answers, predicted, right
from snnexp.measure.early_exit import early_exit
from snnexp.measure.energies import Models, energies
from snnexp.measure.exit_rule import Onlooker
from snnexp.measure.exit_table import exit_table
from snnexp.measure.exits import Exits
from snnexp.measure.flow import Flow
from snnexp.measure.neurobench import NeuroBench
from snnexp.measure.predictions import Kept, Predictions
from snnexp.measure.predictions import joined as joined_predictions
from snnexp.measure.presented import presented
from snnexp.measure.record import recording
from snnexp.measure.tally import Tally
from snnexp.measure.unsound import Unsound
from snnexp.network.network import Network
from snnexp.network.parts import code_window
from snnexp.presimulations.base import Presimulation
from snnexp.presimulations.none import NoPresimulation
from snnexp.progress.work import advance, doing
from snnexp.stopping import look_if_alone


@dataclass(frozen=True)
class Evaluation:
    """What one pass over a split shows."""

    accuracy_by_timestep: list[float | None]
    """Top-1 accuracy in percent, read at t = 1..T; None while the network is still in its hidden
    timesteps and gives no answer.
    """
    loss: float
    """Mean loss per image of the scores at T."""
    images: int
    seconds: float
    tally: Tally | None
    hidden_timesteps: int = 0
    """How many of the T timesteps a presimulation has spent."""
    undecided: float = 0.0
    """Percent of the images for which no class is ahead of all others at T; they count as wrong."""
    answers: list[int] = field(default_factory=list)
    """How many images each class is the answer for at T."""
    shown: dict = field(default_factory=dict)
    """What else the result file says: of a timed network its behaviour in discrete time, of one
    whose norms know when they have no more to say where it may stop.
    """
    predictions: Predictions | None = None
    """What was answered to every image, where that is kept."""

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy in percent after the last timestep."""
        return self.accuracy_by_timestep[-1]


@dataclass(frozen=True)
class Evaluator:
    """How networks of spikes or real values are evaluated; for spike times there is
    `TimedEvaluator`.

    Args:
        timesteps: timesteps at which spiking networks are read; analog ones are read once.
        chunk: timesteps per call; memory grows with it, the result does not change.
        loss: a reading and labels to the mean loss; of the last timestep alone unless the loss
            reads `every_timestep`.
        precision: dtype of autocast; float32 for none.
        presimulation: hidden timesteps of spiking networks before those that are read; T is the sum
            of both.
        predictions: whether the answers to every image are kept where spikes are counted.
        energy: models of what operations cost, where they are counted.
        neurobench: whether NeuroBench's metrics are taken where spikes are counted; the network
            then runs timestep by timestep.
        by_timestep: whether that is told for every timestep and early exit, too.
    """

    timesteps: int
    chunk: int
    loss: Loss
    precision: torch.dtype
    presimulation: Presimulation = field(default_factory=NoPresimulation)
    predictions: bool = False
    energy: Models = field(default_factory=dict)
    by_timestep: bool = False
    neurobench: bool = False

    def __call__(
        self,
        network: Network,
        batches: Batches,
        count: bool = False,
        onlooker: Onlooker | None = None,
    ) -> Evaluation:
        """Evaluates `network` on all images; with `count`, spikes and operations too. The
        `onlooker` sees all scores.
        """
        if count and self.neurobench and self.chunk > 1:
            return replace(self, chunk=1)(network, batches, count, onlooker)
        started, hidden = time.perf_counter(), self._hidden(network)
        kept: Kept | None = [] if count and self.predictions else None
        counted = self._recording(network) if count else nullcontext()
        bench = NeuroBench(network) if count and self.neurobench else None
        benched = nullcontext() if bench is None else bench.counting()
        with in_evaluation(network), benched, counted as tally:
            watch = _Watch(onlooker, self._flow(tally))
            correct, loss, images, given = self._pass(network, batches, kept, watch)
        if tally is not None:
            tally.images, tally.timesteps = (
                images,
                hidden + self._length(network) - self._since(network),
            )
            tally.gather()
        if onlooker is not None:
            onlooker.gather()
        if bench is not None:
            bench.gather()
        accuracies = [None] * hidden + (correct * (100.0 / images)).tolist()
        seconds = time.perf_counter() - started
        return Evaluation(
            accuracies,
            loss / images,
            images,
            seconds,
            tally,
            hidden,
            100.0 * (images - sum(given)) / images,
            given,
            ({} if tally is None else self._shown(network, accuracies, tally, onlooker))
            | ({} if bench is None else bench.shown(images)),
            None if kept is None else joined_predictions(kept, batches),
        )

    def _shown(
        self,
        network: Network,
        accuracies: list[float | None],
        tally: Tally,
        onlooker: Onlooker | None,
    ) -> dict[str, Any]:
        """What else the result says of a pass that has counted."""
        early = early_exit(network, accuracies)
        exits = onlooker if isinstance(onlooker, Exits) else None
        cost = energies(tally, network.form, self.energy, tally.timesteps or len(accuracies))
        return early | cost | exit_table(exits, early, tally, self.energy, len(accuracies))

    def _recording(self, network: Network) -> AbstractContextManager[Tally]:
        since = self._since(network)  # a code in windows has no costs by timestep
        by_timestep = self.by_timestep and not since and network.form == "spiking"
        return recording(network, since, by_timestep)

    def _flow(self, tally: Tally | None) -> Flow | None:
        """Where costs by timestep are found."""
        return None if tally is None or not tally.flow.by_timestep else tally.flow

    def _pass(
        self,
        network: Network,
        batches: Batches,
        kept: Kept | None,
        watch: "_Watch",
    ) -> tuple[Tensor, float, int, list[int]]:
        correct = torch.zeros(
            self._length(network), dtype=torch.float64, device=batches.split.labels.device
        )
        loss, images, given, unsound = 0.0, 0, None, Unsound(network)
        for batch in presented(batches, self._hidden(network) + self._length(network)):
            with self._presenting(network, batch):
                answered: list[Tensor] | None = None if kept is None else []
                reading = self._read(network, batch, correct, answered, watch)
                unsound.see(reading.scores[-1:], images)
            if unsound.found:
                with self._presenting(network, batch):
                    unsound.locate(
                        lambda batch=batch: self._read(
                            network, batch, torch.zeros_like(correct), None, _Watch()
                        )
                    )
                break
            loss += float(self.loss(reading, batch.labels)) * len(batch.labels)
            images += len(batch.labels)
            if kept is not None and answered is not None:
                kept.append((batch.keys, batch.labels, torch.cat(answered).T))
            own = answers(reading.scores[-1])
            given = own if given is None else given + own
        unsound.refuse()
        loss, images = summed(loss, images, device=correct.device)
        return total(correct).cpu(), loss, int(images), added(given)

    @contextmanager
    def _presenting(self, network: Network, batch: Batch) -> Iterator[None]:
        """Within the block a batch is shown to `network`, timestep by timestep."""
        steps = self._hidden(network) + self._length(network)
        with (
            doing("running", steps, "timesteps"),
            streaming(network),
            autocast(batch.input.device, self.precision),
        ):
            yield

    def _read(
        self,
        network: Network,
        batch: Batch,
        correct: Float[Tensor, " T"],
        answered: list[Tensor] | None,
        watch: "_Watch",
    ) -> Reading:
        """What the loss needs of `batch`, the last timestep at least; adds to `correct` how many
        are right at each timestep, to `answered` what was answered.

        Nothing is kept from chunk to chunk that the loss does not ask for: small blocks between
        large ones would keep the heap from joining what is free again.
        """
        watch.begin(batch)
        steps = self._started(network, batch, watch)
        kept = []
        for part in self._chunks(steps):
            reading = network(batch.input, part, batch.keys)
            is_right = right(reading.scores, batch.labels)
            correct[part.start - steps.start : part.stop - steps.start] += is_right.sum(1)
            watch.see(reading.scores, is_right, ends=part.stop == steps.stop)
            if answered is not None:
                answered.append(predicted(reading.scores))
            if self.loss.every_timestep:
                kept.append(reading)
        return joined(kept) if kept else reading.at_end()

    def _started(self, network: Network, batch: Batch, watch: "_Watch") -> range:
        """The timesteps at which `network` is read, once the hidden ones before them are spent."""

        def present(steps: range) -> None:
            for part in self._chunks(steps):
                network(batch.input, part, batch.keys)
                watch.hidden(len(part))

        hidden = self._hidden(network)
        if hidden:
            self.presimulation(network, present)
        return range(hidden, hidden + self._length(network))

    def _since(self, network: Network) -> int:
        """The first timestep whose spikes count: a code in windows takes a new image with every
        one, so an image costs one.
        """
        window = code_window(network)
        return 0 if window is None else max(self.timesteps - window, 0)

    def _length(self, network: Network) -> int:
        return self.timesteps if network.form == "spiking" else 1

    def _hidden(self, network: Network) -> int:
        return self.presimulation.hidden_timesteps(network) if network.form == "spiking" else 0

    def _chunks(self, steps: range) -> Iterator[range]:
        for start in range(0, len(steps), self.chunk):
            look_if_alone()
            part = steps[start : start + self.chunk]
            yield part
            advance(len(part))


@dataclass(frozen=True)
class _Watch:
    """Shows an onlooker, if there is one, what comes and what it costs."""

    onlooker: Onlooker | None = None
    flow: Flow | None = None

    def begin(self, batch: Batch) -> None:
        if self.onlooker is not None:
            self.onlooker.begin(batch.labels)

    def hidden(self, steps: int) -> None:
        if self.onlooker is not None:
            self.onlooker.hidden(steps, self.flow)

    def see(self, scores: Tensor, is_right: Tensor, ends: bool) -> None:
        if self.onlooker is not None:
            self.onlooker.see(scores, is_right, self.flow, ends)


@contextmanager
def in_evaluation(network: nn.Module) -> Iterator[None]:
    """Within the block, all modules are in evaluation mode."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """Runs convolutions and linear layers in `precision`; membranes, thresholds and counters stay
    float32.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16)
