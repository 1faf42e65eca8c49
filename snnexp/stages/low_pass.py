"""Training of the spiking form on low-pass filtered spike trains."""

import math
from functools import partial

from jaxtyping import Float, Int
from torch import Tensor
from torch.optim import Optimizer

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
        self.steps, self.chunk, self.threshold_scale = range(timesteps), chunk, threshold_scale
        self.rule = partial(LowPass, normalise=normalise_error, pull=threshold_pull)
        self.penalty = weight_penalty, weight_penalty_rate
        self.schedule = partial(
            Schedule,
            epochs,
            scheduler=scheduler,
            gradient_clip=gradient_clip,
            patience=patience,
        )
        self.optimizer, self.threshold_rate = optimizer, threshold_rate
        self.loss = loss()

    def untrained(self, blueprint: Blueprint) -> Network:
        return spiking_network(blueprint)

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        spiking = spiking_form(network, session)
        if network is None:
            _start(spiking, self.threshold_scale)
        leak = next(iter(spiking_units(spiking).values())).neuron.leak
        rule = partial(self.rule, limit=full_trace(leak, len(self.steps)))
        form = partial(
            Counted,
            blueprint=session.blueprint,
            rule=rule,
            signal=partial(Trace, leak),
            chunk=self.chunk,
        )
        schedule = self.schedule(
            optimizer=partial(self._optimizer, spiking),
            loss=_Penalised(self.loss, spiking, *self.penalty),
        )
        return Outcome(spiking, train(name, spiking, self.steps, schedule, session, form))

    def _optimizer(self, network: Network, parameters: list[Tensor] | list[dict]) -> Optimizer:
        """The optimizer of the groups that `parameter_groups` gives, with the thresholds in one of
        their own.
        """
        thresholds = [unit.neuron.threshold for unit in spiking_units(network).values()]
        known = {id(each) for each in thresholds}
        groups = parameters if isinstance(parameters[0], dict) else [{"params": parameters}]
        made = self.optimizer(
            [
                {**group, "params": [each for each in group["params"] if id(each) not in known]}
                for group in groups
            ]
        )
        made.add_param_group(
            {"params": thresholds, "lr": self.threshold_rate * made.defaults["lr"]}
        )
        return made


def _start(network: Network, scale: float) -> None:
    wired = wiring(network)
    for name, unit in spiking_units(network).items():
        connection = next(iter(wired.driving(name)), None)
        if connection is None:
            raise ValueError(
                f"{name}: no weights drive these neurons; choose an architecture without FP layers"
            )
        layer = connection.module.layer
        unit.neuron.spread(scale * math.sqrt(3 / layer.weight[0].numel()))


class _Penalised(Loss):
    """A loss and the penalty on the weights of every neuron: exponential up to an exponent of 5,
    then along its tangent.
    """

    def __init__(self, loss: Loss, network: Network, factor: float, rate: float):
        super().__init__()
        self.loss, self.factor, self.rate = loss, factor, rate
        self.layers = [connection.layer for connection in connections(network).values()]

    def forward(self, reading: Reading, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        value = self.loss(reading, labels)
        if not self.factor:
            return value
        excess = [
            self.rate * (layer.weight.flatten(1).square().sum(1) - 1) for layer in self.layers
        ]
        return value + self.factor / 2 * sum(
            (each.clamp(max=5).exp() * (1 + (each - 5).clamp(min=0))).sum() for each in excess
        )
