"""Evaluation of networks of spike times: exact, and in discrete time where counts are asked for."""

import time
from dataclasses import dataclass, field

import torch
from torch import Tensor

from snnexp.datasets.batches import Batches
from snnexp.distributed import summed
from snnexp.losses.base import Loss
from snnexp.measure.answers import added, answers, predicted, right
from snnexp.measure.energies import Models, energies
from snnexp.measure.evaluator import Evaluation, in_evaluation
from snnexp.measure.predictions import Kept, joined
from snnexp.measure.presented import presented
from snnexp.measure.timed_report import through_time
from snnexp.measure.unsound import Unsound
from snnexp.network.network import Network


@dataclass(frozen=True)
class TimedEvaluator:
    """How networks of spike times are evaluated. Two classes at one time are no decision and count
    as wrong.

    Args:
        timesteps: of the finest resolution in discrete time.
        loss: a reading and labels to the mean loss.
        predictions: whether the answers to every image are kept where spikes are counted.
        energy: models of what operations cost, where they are counted.
    """

    timesteps: int
    loss: Loss
    predictions: bool = False
    energy: Models = field(default_factory=dict)

    def __call__(self, network: Network, batches: Batches, count: bool = False) -> Evaluation:
        """Evaluates `network` on all images; with `count`, spikes, operations and discrete time
        too.
        """
        started = time.perf_counter()
        with in_evaluation(network), torch.no_grad():
            kept: list[Tensor] = []
            correct, loss, images, given = self._pass(network, batches, kept)
            finest: Kept | None = [] if count and self.predictions else None
            tally, shown = (
                through_time(network, batches, self.timesteps, finest) if count else (None, {})
            )
            if tally is not None:
                steps = shown.get("timesteps_per_layer", shown["timesteps"])
                shown |= energies(tally, network.form, self.energy, steps)
            answered = None if finest is None else joined(finest, batches, torch.cat(kept))
        seconds = time.perf_counter() - started
        share = 100.0 / images
        undecided = 100.0 * (images - sum(given)) / images
        return Evaluation(
            [correct * share],
            loss / images,
            int(images),
            seconds,
            tally,
            0,
            undecided,
            given,
            shown,
            answered,
        )

    def _pass(
        self, network: Network, batches: Batches, kept: list[Tensor]
    ) -> tuple[int, float, int, list[int]]:
        correct, loss, images, given, unsound = 0, 0.0, 0, None, Unsound(network)
        for batch in presented(batches, 1):
            reading = network(batch.input, range(1), batch.keys)
            scores = reading.scores
            unsound.see(scores, images)
            if unsound.found:
                break
            correct += int(right(scores, batch.labels).sum())
            loss += float(self.loss(reading, batch.labels)) * len(batch.labels)
            images += len(batch.labels)
            kept.append(predicted(scores[0]))
            given = answers(scores[0]) if given is None else given + answers(scores[0])
        unsound.refuse()
        return *summed(correct, loss, images, device=batches.split.labels.device), added(given)
