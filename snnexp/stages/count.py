"""Training of the spiking form on its spike counts."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Literal

import torch

from snnexp.counted.spike_count import Mean, SpikeCount
from snnexp.counted.twin import Counted
from snnexp.datasets.batches import Batch
from snnexp.limits import Count, Natural, Positive
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.spiking import spiking_network
from snnexp.progress.work import doing
from snnexp.stages.base import Factory, Outcome, Stage
from snnexp.stages.bptt import spiking_form
from snnexp.training.execution import TrainingPass
from snnexp.training.loop import train
from snnexp.training.schedule import Schedule
from snnexp.training.session import Session


class SpikeCounts(Stage):
    """Forward over time in spikes, backward once on the counts, as in an artificial neural network.

    Memory and backward pass do not depend on T. The outcome is the ordinary spiking form.

    Source: tandem learning: Wu 2023 (survey [76]), where norms have running statistics in spikes
    and batch statistics in the analog twin; spike count rule: Wu 2019 (survey [46], equations 3-6),
    without norm.

    Args:
        epochs: passes over the training set; 0 leaves the weights as they are.
        timesteps: length T of the training sequences.
        chunk: timesteps per call in the forward pass, >= 1; memory grows with it, the result does
            not change.
        warm_up: training batches that pass first without learning, as analog activations and then
            as counts, from which norms get the running statistics to start with; 0 for networks
            without norms.
        saturation: what reaches a neuron that fires at every timestep: pass, every gradient; lower,
            those that would have it fire less.
        optimizer: torch optimizer.
        scheduler: schedule of the learning rate, stepped per epoch.
        loss: loss on the scores.
        gradient_clip: largest gradient norm, > 0; null for no limit.
        patience: evaluations one after the other without a better accuracy on the validation set
            after which training ends, >= 1; null for never.
    """

    form = "spiking"
    code = "counts"

    def __init__(
        self,
        epochs: Natural,
        timesteps: Count,
        chunk: Count,
        warm_up: Natural,
        saturation: Literal["pass", "lower"],
        optimizer: Factory,
        scheduler: Factory,
        loss: Factory,
        gradient_clip: Positive | None,
        patience: Count | None,
    ):
        self.steps = range(timesteps)
        self.chunk = chunk
        self.warm_up = warm_up
        self.rule = partial(SpikeCount, saturation=saturation)
        self.schedule = Schedule(
            epochs, optimizer, scheduler, loss(), gradient_clip, patience=patience
        )

    def untrained(self, blueprint: Blueprint) -> Network:
        return spiking_network(blueprint)

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        spiking = spiking_form(network, session)
        training_pass = self.training_pass(session.blueprint)
        self._warm(training_pass(spiking, self.steps), session)
        return Outcome(
            spiking, train(name, spiking, self.steps, self.schedule, session, training_pass)
        )

    def training_pass(self, blueprint: Blueprint) -> TrainingPass:
        """The training pass of a network of `blueprint`."""
        return partial(Counted, blueprint=blueprint, rule=self.rule, signal=Mean, chunk=self.chunk)

    @torch.no_grad()
    def _warm(self, counted: Counted, session: Session) -> None:
        counted.train()
        with doing("warming up", 2 * self.warm_up, "batches") as work:
            for batch in self._first(session):
                counted.analog(batch.input)
                work.advance()
            for batch in self._first(session):
                counted(batch.input, batch.keys)
                work.advance()

    def _first(self, session: Session) -> Iterator[Batch]:
        """The training batches of the warm-up."""
        return islice(session.train.epoch(0, shuffle=True), self.warm_up)
