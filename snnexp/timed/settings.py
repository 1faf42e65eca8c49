"""What a network is like in the timed form, beyond its architecture."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from snnexp.layers.connection import Connection
from snnexp.limits import Natural, NonNegative, Positive
from snnexp.timed.body import NO_SUMS, TimedBody, connections
from snnexp.timed.delays import delay
from snnexp.timed.first_weights import FirstWeights
from snnexp.timed.neuron import TimedNeuron
from snnexp.timed.pulses import Pulses, PulseSettings
from snnexp.timed.solving import Solving
from snnexp.timed.unit import Timed, TimedUnit


@dataclass(frozen=True)
class TimedSettings:
    """How the layers of a timed network are solved, pooled and driven at first.

    Args:
        pool: whether a max pool takes the first or the last spike of its window.
        delays: of the terminals of every synapse, each with a weight of its own; none for one
            terminal without delay.
        solving: how spike times are found.
        pulses: spikes at learned times beside the inputs of each linear layer, None for none.
        first_weights: what weights are at first.
    """

    pool: Literal["first", "last"]
    delays: list[float]
    solving: Solving
    pulses: PulseSettings | None
    first_weights: FirstWeights

    def unit(self, connection: nn.Module, neuron: TimedNeuron) -> TimedUnit:
        """The timed unit of a connection.

        Raises:
            ValueError: currents of several branches meet, which do not in the timed form.
        """
        if not isinstance(connection, Connection):
            raise ValueError(NO_SUMS)
        return TimedUnit(connection, Timed(neuron, self.solving), self._pulses(connection, neuron))

    def body(self, body: nn.Module, neuron: TimedNeuron) -> TimedBody:
        """The timed form of a body of timed units, with its first weights."""
        timed = TimedBody(body, Timed(neuron, self.solving), self.pool)
        for place, connection in enumerate(connections(timed)):
            if self.delays:
                delay(connection, self.delays)
            self.first_weights.start(connection.layer, neuron.threshold, place)
        return timed

    def _pulses(self, connection: Connection, neuron: TimedNeuron) -> Pulses | None:
        layer = connection.layer
        if self.pulses is None or not isinstance(layer, nn.Linear):
            return None
        return Pulses.of(self.pulses, layer.out_features, neuron.threshold)


def timed_settings(
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
) -> TimedSettings:
    """The settings of the timed form as configurations name them, one beside the other.

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
        pulse_drive: sum of the weights of the pulses at first, in thresholds.
        delays: of the terminals of every synapse, each with a weight of its own; none for one
            terminal without delay.
        distribution: of the first weights: see `FirstWeights`.
        drive: per layer, the last for all further ones.
        deviation: per layer, the last for all further ones; null for a gain.
        gain: of differences between spike times at first, >= 0; null for a deviation.

    Raises:
        ValueError: no drive; neither a deviation nor a gain, or both.
    """
    solving = Solving(
        solver=solver,
        slope_limit=slope_limit,
        normalize=normalize_gradient,
        centralize=centralize_gradient,
        clock=clock,
        bits=bits,
        variation=variation,
    )
    return TimedSettings(
        pool=pool,
        delays=delays,
        solving=solving,
        pulses=PulseSettings(pulses, pulse_span, pulse_gain, pulse_drive) if pulses else None,
        first_weights=FirstWeights(distribution, drive, deviation, gain),
    )


def exact() -> TimedSettings:
    """The settings of a network that has been mapped: nothing but its weights and windows decides,
    and first weights are none of its own.
    """
    solving = Solving(
        solver="auto",
        slope_limit=None,
        normalize=False,
        centralize=False,
        clock=False,
        bits=None,
        variation=0.0,
    )
    first_weights = FirstWeights("uniform", drive=[1.0], deviation=[0.0], gain=None)
    return TimedSettings(
        pool="first", delays=[], solving=solving, pulses=None, first_weights=first_weights
    )
