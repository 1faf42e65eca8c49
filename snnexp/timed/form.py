"""What a network is like in the timed form, beyond its architecture."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from snnexp.layers.connection import Connection
from snnexp.limits import Natural, NonNegative, Positive
from snnexp.timed.body import NO_SUMS, TimedBody, connections
from snnexp.timed.centring import centred
from snnexp.timed.delays import delay
from snnexp.timed.layer import Pulses, Solving, Timed, TimedUnit
from snnexp.timed.neuron import TimedNeuron


class Form:
    """The timed form: how layers are solved, pooled and driven at first.

    Weights start as N or U of mean drive / N and standard deviation deviation / N times the threshold, N the fan-in: `drive` is then the
    sum of a neuron's weights in thresholds, which has to exceed 1 for a neuron to fire at all; biases start at 0. With a `gain`

        w_ji = theta drive (1 / N + gain (e_ji - mean_i e_ji) / sqrt(N)),   e of mean 0 and variance 1:

    every neuron's weights then add up to the drive. Where the times t_i at a neuron differ by little it fires at a weighted mean of them,
    sum_i w_ji t_i / (theta drive) up to a common delay, so that their differences keep their size from layer to layer for gain = 1.

    Args:
        pool: whether a max pool takes the first or the last spike of its window.
        solver: auto, events (C, on CUDA Triton), scan (torch) or grid (a product per distinct time); all exact.
        clock: whether spikes wait for the next multiple of neuron.step, in training too.
        slope_limit: largest slope of a spike time by the potential in the backward pass, > 0; null for the exact one.
        normalize_gradient: whether the gradient of each layer's times has norm 1 for each sample.
        centralize_gradient: whether gradients of weights sum to 0 for each neuron: see `centralized`.
        bits: 8, 4 or 2 bits per weight; null for all.
        variation: relative standard deviation of weights and thresholds in training, drawn anew for every batch, >= 0.
        pulses: spikes at learned times beside the inputs of each linear layer, 0 for none.
        pulse_span: time over which pulses are spread at first, > 0.
        pulse_gain: change of a pulse's time per unit of its parameter, > 0.
        pulse_drive: sum of the weights of the pulses at first.
        delays: of the terminals of every synapse, each with a weight of its own; none for one terminal without delay.
        distribution: of the initial weights.
        drive: per layer, the last for all further ones.
        deviation: per layer, the last for all further ones.
        gain: of differences between spike times at first, >= 0, in place of a deviation; null for that.
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
        deviation: list[NonNegative],
        gain: NonNegative | None,
    ):
        if not drive or not deviation:
            raise ValueError("drive and deviation need a number at least; set strategy.stages.train.form.drive=[4.0]")
        self.pool = pool
        self.solving = Solving(solver, slope_limit, normalize_gradient, centralize_gradient, clock, bits, variation)
        self.pulses, self.pulse_span, self.pulse_gain, self.pulse_drive = pulses, pulse_span, pulse_gain, pulse_drive
        self.delays, self.distribution, self.drive, self.deviation, self.gain = delays, distribution, drive, deviation, gain

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
        self, layer: nn.Conv2d | nn.Linear, threshold: float, place: int, generator: torch.Generator | None = None
    ) -> Float[Tensor, "O *n"]:
        """First weights for a layer, the one at `place` in the order of the forward pass."""
        size = layer.weight[0].numel()
        drive, deviation = (values[min(place, len(values) - 1)] for values in (self.drive, self.deviation))
        noise = self._drawn(layer.weight.shape, generator)
        if self.gain is not None:
            noise, deviation = centred(noise), self.gain * drive * size**0.5
        return (drive + deviation * noise) * (threshold / size)

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
        return Pulses(self.pulses, connection.layer.out_features, self.pulse_span, self.pulse_gain, drive)

    @torch.no_grad()
    def _start(self, connection: Connection, threshold: float, place: int) -> None:
        connection.layer.weight.copy_(self.weights(connection.layer, threshold, place))
        if connection.layer.bias is not None:
            connection.layer.bias.zero_()


class Times(nn.Module):
    """What the timed form sees in place of an encoder: the time of each pixel's spike, as one timestep."""

    spiking = True

    def __init__(self, encoder: nn.Module):
        super().__init__()
        if not hasattr(encoder, "times"):
            raise ValueError(f"encoder: {type(encoder).__name__} gives no spike times; set encoder=spike_time")
        self.encoder = encoder

    def forward(self, images: Float[Tensor, "B C H W"], steps: range, keys: Int[Tensor, "B"]) -> Float[Tensor, "1 B C H W"]:
        return self.encoder.times(images, keys if self.training else None)[None]
