"""Training of the timed form by exact gradients of spike times."""

from dataclasses import replace
from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor

from snnexp.errors import NumericalError
from snnexp.limits import Fraction, Natural, NonNegative, Positive
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.stages.base import Factory, Outcome, Stage
from snnexp.timed.layers import TimedLayer, timed_layers
from snnexp.timed.network import timed_network
from snnexp.timed.redraw import Redraw
from snnexp.timed.robustness import Robustness
from snnexp.timed.settings import TimedSettings
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
        self.settings: TimedSettings = form()
        self.schedule = Schedule(epochs, optimizer, scheduler, loss(), gradient_clip)
        self.weight_sum = weight_sum
        self.margin = margin
        self.reduction = reduction
        self.silence = silence
        self.redraw = redraw
        self.robustness = Robustness([], [], variations)

    def untrained(self, blueprint: Blueprint) -> Network:
        return timed_network(blueprint, self.settings)

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        timed = self.untrained(session.blueprint).to(session.device)
        if network is not None and network.form == "timed":
            timed.load_state_dict(network.state_dict())
        loss = Objective(
            self.schedule.loss,
            timed,
            weight_sum=self.weight_sum,
            margin=self.margin,
            reduction=self.reduction,
            silence=self.silence,
        )
        redraw = Redraw(self.redraw, self.settings.first_weights, timed)
        schedule = replace(self.schedule, loss=loss, after_batch=redraw.see, between=redraw)
        shown = train(name, timed, range(1), schedule, session)
        return Outcome(timed, shown | self.robustness(timed, session.accuracy, session.train.seed))


class Objective(Loss):
    """The loss on the times of a batch and the terms on the weights, which tells when a layer has
    fallen silent.

        L = loss(times) + weight_sum sum_l R_j max(0, margin threshold - sum_i w_ji)
            - silence sum_l sum_j r_j sum_i w_ji

    Scores do not show which hidden neurons fired. Every timed layer keeps that of its last training
    batch (`Timed.silent`, `Timed.fired`), so a call belongs right behind the forward pass, in
    training, of the batch that it is for.

    Args:
        loss: loss on minus the spike times of the outputs.
        network: in the timed form.
        weight_sum: strength of the term that makes neurons able to fire, >= 0.
        margin: sum of weights, in thresholds, above which it is content, >= 0.
        reduction: over the neurons of a layer, mean or sum.
        silence: push on every weight of a neuron per sample for which it is silent, >= 0.

    Raises:
        NumericalError: no neuron of a layer has fired for `PATIENCE` images in a row.
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
        self.weight_sum = weight_sum
        self.margin = margin
        self.reduction = reduction
        self.silence = silence
        self.quiet = {layer.name: 0 for layer in self.layers}

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
            total = total + sum(self._term(layer) for layer in self.layers)
        return total

    def _term(self, layer: TimedLayer) -> Tensor:
        weights, timed = layer.connection.layer, layer.timed
        sums = weights.weight.flatten(1).sum(1) + (0 if weights.bias is None else weights.bias)
        term = -self.silence * (timed.silent * sums).sum()
        if self.weight_sum:
            missing = (self.margin * timed.neuron.threshold - sums).clamp(min=0)
            reduced = missing.mean() if self.reduction == "mean" else missing.sum()
            term = term + self.weight_sum * reduced
        return term

    def _guard(self, images: int) -> None:
        for layer in self.layers:
            quiet = 0 if int(layer.timed.fired) else self.quiet[layer.name] + images
            self.quiet[layer.name] = quiet
            if quiet >= PATIENCE:
                raise NumericalError(
                    f"layer {layer.name} is silent: no neuron of it has fired for "
                    f"{quiet} images, so nothing learns; raise "
                    "form.drive or neuron.horizon, lower neuron.threshold, optimizer.lr, or "
                    "set weight_sum or silence of the stage"
                )
