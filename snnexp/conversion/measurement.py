"""What a rule reads of a network that is being converted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from snnexp.cell import is_static
from snnexp.conversion import probe
from snnexp.conversion.units import driving, following, hidden_units
from snnexp.datasets.batches import Batch
from snnexp.errors import problem
from snnexp.network.network import Network
from snnexp.network.parts import analog_units
from snnexp.thresholds.base import Layer, Rule


@dataclass(frozen=True)
class Measured:
    """What thresholds are read from.

    Args:
        rule: chooses the threshold of a layer.
        batch: training images.
        spiking: the converted network, norms folded.
        analog: the network it came from.
        initial_potential: potential before the first timestep as a fraction of the threshold.
        normalised: whether weights behind a layer will turn its unit spikes into its activations.
    """

    rule: Rule
    batch: Batch
    spiking: Network
    analog: Network
    initial_potential: float
    normalised: bool

    def layer(self, name: str) -> Layer:
        """What the rule may know of a layer."""
        units = hidden_units(self.spiking)
        return Layer(
            name,
            list(units).index(name),
            analog_units(self.analog)[name].activation,
            tuple(connection.layer.weight.detach() for connection in driving(units[name])),
            self.initial_potential,
        )


class Source(Protocol):
    """Where thresholds come from, layer by layer."""

    def threshold(self, name: str) -> float:
        """What the rule says of a layer. Raises `ConfigError` for one that gives no threshold."""

    def place(self, name: str, threshold: float) -> None:
        """Hears which threshold a layer has, before the layers behind it are asked for."""


class Activations:
    """Thresholds from the activations of the analog network, all in one pass.

    Args:
        measured: what they are read from.
        names: of the layers that will be asked for.
    """

    def __init__(self, measured: Measured, names: Sequence[str]):
        self.measured = measured
        self.thresholds: dict[str, float] = {}
        if names:
            units = analog_units(measured.analog)
            seen = {units[name]: self._reader(name) for name in names}
            probe.run(measured.analog, measured.batch, 1, seen)

    def threshold(self, name: str) -> float:
        """See `Source`."""
        return self.thresholds[name]

    def place(self, name: str, threshold: float) -> None:
        """See `Source`; no activation depends on a threshold."""

    def _reader(self, name: str) -> probe.See:
        def see(activation: Tensor) -> None:
            threshold = self.measured.rule(activation[0], self.measured.layer(name))
            self.thresholds[name] = _valid(name, threshold)

        return see


class Currents:
    """Thresholds from the currents of the spiking network, whose layers before are in place."""

    def __init__(self, measured: Measured):
        self.measured = measured
        self.units = hidden_units(measured.spiking)
        self.behind = following(measured.spiking) if measured.normalised else {}

    def threshold(self, name: str) -> float:
        """See `Source`; runs the layers before and the current of this one, no further."""
        threshold, layer, rule = 0.0, self.measured.layer(name), self.measured.rule

        def see(current: Tensor) -> None:
            nonlocal threshold
            for values in current[:1] if is_static(current) else current:
                threshold = rule.after(threshold, values, layer)

        connection = self.units[name].connection
        network, batch = self.measured.spiking, self.measured.batch
        probe.run(network, batch, rule.timesteps, {connection: see}, last=connection)
        return _valid(name, threshold)

    @torch.no_grad()
    def place(self, name: str, threshold: float) -> None:
        """See `Source`; where weights are to be normalised, those behind turn the unit spikes of
        the layer into as much.
        """
        self.units[name].neuron.set_threshold(threshold, self.measured.initial_potential)
        if name in self.behind:
            self.behind[name].layer.weight.mul_(threshold)


@contextmanager
def source(measured: Measured, names: Sequence[str]) -> Iterator[Source]:
    """Within the block, where the thresholds of these layers come from; afterwards the spiking
    network has the weights that it had.
    """
    if not measured.rule.spikes:
        yield Activations(measured, names)
        return
    currents = Currents(measured)
    weights = [connection.layer.weight for connection in currents.behind.values()]
    before = [weight.detach().clone() for weight in weights]
    try:
        yield currents
    finally:
        for weight, value in zip(weights, before, strict=True):
            weight.data.copy_(value)


def _valid(name: str, threshold: float) -> float:
    if threshold <= 0:
        said = (
            f"layer {name} is silent on the calibration images, or the rule reads no "
            "threshold above 0 there"
        )
        raise problem(
            f"{said}; train the ANN longer, or raise threshold.percentile where the rule has one"
        )
    return threshold
