"""What a network is like in the timed form, beyond its architecture."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.layers.connection import Connection
from snnexp.limits import Natural, NonNegative, Positive
from snnexp.timed.body import NO_SUMS, TimedBody, connections
from snnexp.timed.delays import delay
from snnexp.timed.layer import Pulses, Solving, Timed, TimedUnit
from snnexp.timed.neuron import TimedNeuron


class Form:
    """The timed form: how layers are solved, pooled and driven at first.

    Weights start as N or U of mean drive / N and standard deviation deviation / N times the
    threshold, N the fan-in: `drive` is then the sum of a neuron's weights in thresholds, which for
    if_exp has to exceed 1 for a neuron to fire at all; biases start at 0. With a `gain` in place of
    a deviation

        w_ji = theta drive (1 / N + gain (e_ji - e_j) / sqrt(N)),   e_ji of mean 0 and variance 1,

    e_j their mean over the inputs, in a convolution for each place of the kernel. Every neuron's
    weights then add up to the drive, at the border of a map to the share of the kernel that lies
    within. Inputs that all arrive before the neuron fires, at times t_i that differ by little, make
    it fire at sum_i w_ji t_i / (theta drive) and a delay that all neurons share: with gain = 1
    differences between spike times keep their size from layer to layer. Of if_delta, which fires at
    one of the t_i, that is not so; dropout, pulses and delays change it.

    Args:
        pool: whether a max pool takes the first or the last spike of its window.
        solver: auto, events (C, on CUDA Triton), scan (torch) or grid (a product per distinct
            time); all exact.
        clock: whether spikes wait for the next multiple of neuron.step, in training too.
        slope_limit: largest slope of a spike time by the potential in the backward pass, > 0; null
            for the exact one.
        normalize_gradient: whether the gradient of each layer's times has norm 1 for each sample.
        centralize_gradient: whether the gradients that weights get from spike times sum to 0 for
            each neuron: see `centralized`.
        bits: 8, 4 or 2 bits per weight; null for all.
        variation: relative standard deviation of weights and thresholds in training, drawn anew for
            every batch, >= 0.
        pulses: spikes at learned times beside the inputs of each linear layer, 0 for none.
        pulse_span: time over which pulses are spread at first, > 0.
        pulse_gain: change of a pulse's time per unit of its parameter, > 0.
        pulse_drive: sum of the weights of the pulses at first.
        delays: of the terminals of every synapse, each with a weight of its own; none for one
            terminal without delay.
        distribution: of the initial weights.
        drive: per layer, the last for all further ones.
        deviation: per layer, the last for all further ones; null for a gain.
        gain: of differences between spike times at first, >= 0; null for a deviation.

    Raises:
        ValueError: no drive; neither a deviation nor a gain, or both.
    """

    def __init__(
        self,
        pool: Literal["first", "last"],
        solver: Literal["auto", "events", "scan", "grid"],
        clock: bool,
        slope_limit: Positive | None,
        normalize_gradient: bool,
        centralize_gradient: bool,
        bits: Literal[2, 4, 8] | None,
        variation: NonNegative,
        pulses: Natural,
        pulse_span: Positive,
        pulse_gain: Positive,
        pulse_drive: float,
        delays: list[NonNegative],
        distribution: Literal["uniform", "normal"],
        drive: list[float],
        deviation: list[NonNegative] | None,
        gain: NonNegative | None,
    ):
        if not drive or deviation == []:
            raise ValueError(
                "drive and deviation need a number at least; set "
                "strategy.stages.train.form.drive=[4.0]"
            )
        if deviation is None and gain is None:
            raise ValueError(
                "first weights need a deviation or a gain; set strategy.stages.train.form.gain=1.0"
            )
        if deviation is not None and gain is not None:
            raise ValueError(
                "a gain takes the place of the deviation; set "
                "strategy.stages.train.form.deviation=null"
            )
        self.pool = pool
        self.solving = Solving(
            solver, slope_limit, normalize_gradient, centralize_gradient, clock, bits, variation
        )
        self.pulses, self.pulse_span, self.pulse_gain, self.pulse_drive = (
            pulses,
            pulse_span,
            pulse_gain,
            pulse_drive,
        )
        self.delays, self.distribution, self.drive, self.deviation, self.gain = (
            delays,
            distribution,
            drive,
            deviation,
            gain,
        )

    def unit(self, connection: nn.Module, neuron: TimedNeuron) -> TimedUnit:
        """The timed unit of a connection.

        Raises:
            ValueError: currents of several branches meet, which do not in the timed form.
        """
        if not isinstance(connection, Connection):
            raise ValueError(NO_SUMS)
        return TimedUnit(connection, Timed(neuron, self.solving), self._pulsed(connection, neuron))

    def body(self, body: nn.Module, neuron: TimedNeuron) -> TimedBody:
        """The timed form of a body of timed units, with its first weights."""
        timed = TimedBody(body, Timed(neuron, self.solving), self.pool)
        for place, connection in enumerate(connections(timed)):
            if self.delays:
                delay(connection, self.delays)
            self._start(connection, neuron.threshold, place)
        return timed

    def weights(
        self,
        layer: nn.Conv2d | nn.Linear,
        threshold: float,
        place: int,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "O *n"]:
        """First weights for a layer, the one at `place` in the order of the forward pass."""
        size, drive = layer.weight[0].numel(), _at(self.drive, place)
        noise = self._drawn(layer.weight.shape, generator)
        if self.gain is None:
            return (drive + _at(self.deviation, place) * noise) * (threshold / size)
        return (1 + self.gain * size**0.5 * (noise - noise.mean(1, keepdim=True))) * (
            drive * threshold / size
        )

    def _drawn(self, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        """Noise of mean 0 and variance 1."""
        drawn = torch.empty(shape)
        if self.distribution == "normal":
            return drawn.normal_(generator=generator)
        return drawn.uniform_(-(3**0.5), 3**0.5, generator=generator)

    def _pulsed(self, connection: Connection, neuron: TimedNeuron) -> Pulses | None:
        if not self.pulses or not isinstance(connection.layer, nn.Linear):
            return None
        drive = self.pulse_drive * neuron.threshold
        return Pulses(
            self.pulses, connection.layer.out_features, self.pulse_span, self.pulse_gain, drive
        )

    @torch.no_grad()
    def _start(self, connection: Connection, threshold: float, place: int) -> None:
        connection.layer.weight.copy_(self.weights(connection.layer, threshold, place))
        if connection.layer.bias is not None:
            connection.layer.bias.zero_()


def exact() -> Form:
    """The form of a network that has been mapped: nothing but its weights and windows decides, and
    first weights are none of its own.
    """
    weights = {"distribution": "uniform", "drive": [1.0], "deviation": [0.0], "gain": None}
    pulses = {"pulses": 0, "pulse_span": 1.0, "pulse_gain": 1.0, "pulse_drive": 0.0, "delays": []}
    gradients = {"slope_limit": None, "normalize_gradient": False, "centralize_gradient": False}
    return Form(
        pool="first",
        solver="auto",
        clock=False,
        bits=None,
        variation=0.0,
        **gradients,
        **pulses,
        **weights,
    )


def _at(values: list[float], place: int) -> float:
    return values[min(place, len(values) - 1)]
