"""Training of the spiking form on low-pass filtered spike trains."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from jaxtyping import Float, Int
from torch import Tensor

from snnexp.counted.low_pass import LowPass, Trace, full_trace
from snnexp.counted.twin import Counted
from snnexp.limits import Count, Natural, NonNegative, Positive
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.network.wiring import wiring
from snnexp.stages.base import Factory, Outcome, Stage
from snnexp.stages.bptt import spiking_form
from snnexp.training.execution import TrainingPass
from snnexp.training.loop import train
from snnexp.training.schedule import Schedule
from snnexp.training.session import Session


class LowPassSignals(Stage):
    """Forward over time in spikes, backward once on the traces that spikes have left at the end.

    Thresholds are learned, one per neuron or channel, from `threshold_scale` sqrt(3 / fan in) on,
    the bound within which weights start.

    Source: Lee 2016 (survey [44]).

    Args:
        epochs: passes over the training set; 0 leaves the weights as they are.
        timesteps: length T of the training sequences.
        chunk: timesteps per call in the forward pass, >= 1; memory grows with it, the result does
            not change.
        threshold_scale: initial threshold in units of the largest initial weight, > 0.
        normalise_error: whether errors are made independent of thresholds and of how many neurons
            fired.
        weight_penalty: factor lambda of sum_i exp(beta (sum_j w_ij^2 - 1)) / 2 over all neurons, >=
            0; beyond an exponent of 5 straight on, so that weights that have grown too large are
            still drawn back.
        weight_penalty_rate: its rate beta, > 0.
        threshold_pull: step rho by which thresholds of neurons of linear layers that fired rise and
            all fall by as much together, >= 0.
        threshold_rate: learning rate of thresholds in units of that of the weights, > 0.
        optimizer: torch optimizer.
        scheduler: schedule of the learning rate, stepped per epoch.
        loss: loss on the scores.
        gradient_clip: largest gradient norm, > 0; null for no limit.
        patience: evaluations one after the other without a better accuracy on the validation set
            after which training ends, >= 1; null for never.
    """

    form = "spiking"
    code = "traces"
    keeps_norms = False

    def __init__(
        self,
        epochs: Natural,
        timesteps: Count,
        chunk: Count,
        threshold_scale: Positive,
        normalise_error: bool,
        weight_penalty: NonNegative,
        weight_penalty_rate: Positive,
        threshold_pull: NonNegative,
        threshold_rate: Positive,
        optimizer: Factory,
        scheduler: Factory,
        loss: Factory,
        gradient_clip: Positive | None,
        patience: Count | None,
    ):
        self.epochs = epochs
        self.steps = range(timesteps)
        self.chunk = chunk
        self.threshold_scale = threshold_scale
        self.rule = partial(LowPass, normalise=normalise_error, pull=threshold_pull)
        self.weight_penalty = weight_penalty
        self.weight_penalty_rate = weight_penalty_rate
        self.threshold_rate = threshold_rate
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.patience = patience
        self.loss = loss()
        self.gradient_clip = gradient_clip

    def untrained(self, blueprint: Blueprint) -> Network:
        return spiking_network(blueprint)

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        spiking = spiking_form(network, session)
        if network is None:
            start_thresholds(spiking, self.threshold_scale)
        training_pass = self._training_pass(spiking, session.blueprint)
        schedule = self._schedule(spiking)
        with thresholds_learning_at(self.threshold_rate, spiking):
            return Outcome(
                spiking, train(name, spiking, self.steps, schedule, session, training_pass)
            )

    def _training_pass(self, network: Network, blueprint: Blueprint) -> TrainingPass:
        leak = next(iter(spiking_units(network).values())).neuron.leak
        rule = partial(self.rule, limit=full_trace(leak, len(self.steps)))
        return partial(
            Counted,
            blueprint=blueprint,
            rule=rule,
            signal=partial(Trace, leak),
            chunk=self.chunk,
        )

    def _schedule(self, network: Network) -> Schedule:
        penalised = Penalised(self.loss, network, self.weight_penalty, self.weight_penalty_rate)
        return Schedule(
            self.epochs,
            self.optimizer,
            self.scheduler,
            penalised,
            self.gradient_clip,
            patience=self.patience,
        )


@contextmanager
def thresholds_learning_at(rate: float, network: Network) -> Iterator[None]:
    """Within the block thresholds have `rate` times the learning rate of the weights; for this
    stage alone.
    """
    neurons = [unit.neuron for unit in spiking_units(network).values()]
    before = [neuron.rates for neuron in neurons]
    for neuron in neurons:
        neuron.rates = {**neuron.rates, "threshold": rate}
    try:
        yield
    finally:
        for neuron, rates in zip(neurons, before, strict=True):
            neuron.rates = rates


def start_thresholds(network: Network, scale: float) -> None:
    """Sets the thresholds of every layer to `scale` sqrt(3 / fan in).

    Raises:
        ValueError: no weights drive a layer.
    """
    wired = wiring(network)
    for name, unit in spiking_units(network).items():
        connection = next(iter(wired.driving(name)), None)
        if connection is None:
            raise ValueError(
                f"{name}: no weights drive these neurons; choose an architecture without FP layers"
            )
        layer = connection.module.layer
        unit.neuron.spread(scale * math.sqrt(3 / layer.weight[0].numel()))


class Penalised(Loss):
    """A loss and the penalty on the weights of every neuron: exponential up to an exponent of 5,
    then along its tangent.
    """

    def __init__(self, loss: Loss, network: Network, factor: float, rate: float):
        super().__init__()
        self.loss = loss
        self.factor = factor
        self.rate = rate
        self.layers = [connection.layer for connection in connections(network).values()]

    def forward(self, reading: Reading, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        value = self.loss(reading, labels)
        if not self.factor:
            return value
        return value + self.factor / 2 * sum(self._penalty(layer.weight) for layer in self.layers)

    def _penalty(self, weight: Float[Tensor, "m *n"]) -> Float[Tensor, ""]:
        excess = self.rate * (weight.flatten(1).square().sum(1) - 1)
        return (excess.clamp(max=5).exp() * (1 + (excess - 5).clamp(min=0))).sum()
