"""Training of the timed form by exact gradients of spike times."""

from dataclasses import replace
from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor, nn

from snnexp.errors import NumericalError
from snnexp.limits import Fraction, Natural, NonNegative, Positive
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.stages.base import Factory, Outcome, Stage
from snnexp.timed.body import timed_layers
from snnexp.timed.network import timed_network
from snnexp.timed.redraw import Redraw
from snnexp.timed.robustness import Robustness
from snnexp.training.loop import train
from snnexp.training.schedule import Schedule
from snnexp.training.session import Session

PATIENCE = 1000
"""Images for which a layer may be silent in a row."""


class SingleSpike(Stage):
    """Gradient descent on the times of single spikes, exact for the causal set of every neuron.

        L = loss(times) + weight_sum sum_l R_j max(0, margin threshold - sum_i w_ji)
            - silence sum_l sum_j r_j sum_i w_ji,   r_j the share of the batch for which neuron j is
              silent
        R_j the mean or the sum over the neurons of a layer

    Source: Mostafa 2018 (survey [34], weight sum), Comsa 2020 (survey [59], silence), Zhou 2021
    (survey [64], mean), Kheradpisheh & Masquelier 2020 (survey [63], redraw).

    Args:
        epochs: passes over the training set; 0 leaves the weights as they are.
        form: what the network is like in the timed form.
        optimizer: torch optimizer.
        scheduler: schedule of the learning rate, stepped per epoch.
        loss: loss on minus the spike times of the outputs.
        gradient_clip: largest gradient norm, > 0; null for no limit.
        weight_sum: strength of the term that makes neurons able to fire, >= 0.
        margin: sum of weights, in thresholds, above which it is content, >= 0.
        reduction: over the neurons of a layer.
        silence: push on every weight of a neuron per sample for which it is silent, >= 0.
        redraw: share of an epoch's images below which a hidden neuron's weights are drawn anew
            before the next epoch; 0 for never.
        variations: relative standard deviations of weights and thresholds for which the trained
            network is tested, one draw each.
    """

    form = "timed"
    code = "times"
    keeps_norms = False

    def __init__(
        self,
        epochs: Natural,
        form: Factory,
        optimizer: Factory,
        scheduler: Factory,
        loss: Factory,
        gradient_clip: Positive | None,
        weight_sum: NonNegative,
        margin: NonNegative,
        reduction: Literal["mean", "sum"],
        silence: NonNegative,
        redraw: Fraction,
        variations: list[NonNegative],
    ):
        self.timing = form
        self.schedule = Schedule(epochs, optimizer, scheduler, loss(), gradient_clip)
        self.weight_sum, self.margin, self.reduction, self.silence = (
            weight_sum,
            margin,
            reduction,
            silence,
        )
        self.redraw, self.robustness = redraw, Robustness([], [], variations)

    def untrained(self, blueprint: Blueprint) -> Network:
        return timed_network(blueprint, self.timing())

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        timed = self.untrained(session.blueprint).to(session.device)
        if network is not None and network.form == "timed":
            timed.load_state_dict(network.state_dict())
        loss = Objective(
            self.schedule.loss, timed, self.weight_sum, self.margin, self.reduction, self.silence
        )
        redraw = Redraw(self.redraw, self.timing(), timed)
        schedule = replace(self.schedule, loss=loss, after_batch=redraw.see, between=redraw)
        shown = train(name, timed, range(1), schedule, session)
        return Outcome(timed, shown | self.robustness(timed, session.accuracy))


class Objective(Loss):
    """The loss on the times of a batch and the terms on the weights, which tells when a layer has
    fallen silent.

    Arguments as those of the stage.
    """

    def __init__(
        self,
        loss: Loss,
        network: Network,
        weight_sum: float,
        margin: float,
        reduction: str,
        silence: float,
    ):
        super().__init__()
        self.loss = loss
        self.layers = list(timed_layers(network))
        self.weight_sum, self.margin, self.reduction, self.silence = (
            weight_sum,
            margin,
            reduction,
            silence,
        )
        self.quiet = dict.fromkeys((name for name, *_ in self.layers), 0)

    def get_extra_state(self) -> dict[str, int]:
        """For how many images in a row each layer has been silent."""
        return dict(self.quiet)

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Sets it to what it was."""
        self.quiet.update(state)

    def forward(self, reading: Reading, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        self._guard(len(labels))
        total = self.loss(reading, labels)
        if self.weight_sum or self.silence:
            total = total + sum(
                self._term(connection, timed) for _, connection, timed, _ in self.layers
            )
        return total

    def _term(self, connection: nn.Module, timed: nn.Module) -> Tensor:
        layer = connection.layer
        sums = layer.weight.flatten(1).sum(1) + (0 if layer.bias is None else layer.bias)
        term = -self.silence * (timed.silent * sums).sum()
        if self.weight_sum:
            missing = (self.margin * timed.neuron.threshold - sums).clamp(min=0)
            term = term + self.weight_sum * (
                missing.mean() if self.reduction == "mean" else missing.sum()
            )
        return term

    def _guard(self, images: int) -> None:
        for name, _, timed, _ in self.layers:
            self.quiet[name] = 0 if int(timed.fired) else self.quiet[name] + images
            if self.quiet[name] >= PATIENCE:
                raise NumericalError(
                    f"layer {name} is silent: no neuron of it has fired for "
                    f"{self.quiet[name]} images, so nothing learns; raise "
                    "form.drive or neuron.horizon, lower neuron.threshold, optimizer.lr, or "
                    "set weight_sum or silence of the stage"
                )
