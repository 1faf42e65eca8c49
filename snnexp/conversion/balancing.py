"""Thresholds of a converted network: measured by a rule, and set in one of three conventions.

A  unit spikes, weights kept           threshold in units of weighted spikes; a spike stands for the
product of the thresholds so far B  spikes of threshold, weights kept   threshold in units of the
activation, which is what a spike stands for C  unit spikes, weights normalised     W_l
threshold_(l-1) / threshold_l, b_l / threshold_l, then every threshold is 1; the spikes of B
"""

from itertools import accumulate
from operator import mul

import torch
from torch import Tensor, nn

from snnexp.cell import is_static
from snnexp.conversion import probe
from snnexp.conversion.units import Weights, driving, hidden_units
from snnexp.datasets.batches import Batch
from snnexp.errors import problem
from snnexp.layers.analog import AnalogUnit
from snnexp.network.network import Network
from snnexp.network.parts import analog_units, connections
from snnexp.thresholds.base import Layer, Rule


class Balance:
    """The thresholds of one network.

    Args:
        spiking: the converted network, norms folded.
        analog: the network it came from.
        initial_potential: potential before the first timestep as a fraction of the threshold.
        weights: whether the weights change so that every threshold is 1.
    """

    def __init__(
        self, spiking: Network, analog: Network, initial_potential: float, weights: Weights
    ):
        self.spiking, self.units, self.analog = spiking, hidden_units(spiking), analog_units(analog)
        self.source = analog
        self.initial_potential = initial_potential
        self.thresholds: dict[str, float] = {}
        ordered = list(connections(spiking).values())[1:]
        self.following = (
            dict(zip(self.units, ordered, strict=True)) if weights == "normalised" else {}
        )

    def set(self, name: str, threshold: float) -> None:
        """Sets the threshold of a layer; where weights are to be normalised, those behind it turn
        unit spikes into as much at once.
        """
        self.units[name].neuron.set_threshold(threshold, self.initial_potential)
        if self.following:
            with torch.no_grad():
                self.following[name].layer.weight.mul_(threshold / self.thresholds.get(name, 1.0))
        self.thresholds[name] = threshold

    def read(self, rule: Rule, batch: Batch, names: list[str]) -> None:
        """Measures and sets the thresholds of these layers.

        Raises:
            ConfigError: the images give a layer no threshold above 0.
        """
        if rule.spikes:
            for name in names:
                self.set(name, self._from_currents(rule, batch, name))
        else:
            for name, threshold in self._from_activations(rule, batch, names).items():
                self.set(name, threshold)

    def _from_activations(self, rule: Rule, batch: Batch, names: list[str]) -> dict[str, float]:
        found: dict[str, float] = {}

        def reader(name: str) -> probe.See:
            return lambda activation: found.update(
                {name: self._valid(name, rule(activation[0], self._layer(name)))}
            )

        probe.run(self.source, batch, 1, {self.analog[name]: reader(name) for name in names})
        return {name: found[name] for name in names}

    def _from_currents(self, rule: Rule, batch: Batch, name: str) -> float:
        """Runs the layers before and the current of this one, no further."""
        found, layer = 0.0, self._layer(name)

        def see(current: Tensor) -> None:
            nonlocal found
            for each in current[:1] if is_static(current) else current:
                found = rule.after(found, each, layer)

        connection = self.units[name].connection
        probe.run(self.spiking, batch, rule.timesteps, {connection: see}, last=connection)
        return self._valid(name, found)

    def _layer(self, name: str) -> Layer:
        weights = tuple(
            connection.layer.weight.detach() for connection in driving(self.units[name])
        )
        unit: AnalogUnit = self.analog[name]
        return Layer(
            name, list(self.units).index(name), unit.activation, weights, self.initial_potential
        )

    def _valid(self, name: str, threshold: float) -> float:
        if threshold <= 0:
            said = (
                f"layer {name} is silent on the calibration images, or the rule reads no "
                "threshold above 0 there"
            )
            raise problem(
                f"{said}; train the ANN longer, or raise threshold.percentile where the rule "
                "has one"
            )
        return threshold

    def scale(self, factor: float, names: list[str]) -> None:
        """Multiplies the thresholds of these layers, now that all of them have been read."""
        for name in names:
            self.set(name, factor * self.thresholds[name])

    def spans(self) -> dict[str, float]:
        """The activation that one spike per timestep stands for, by layer."""
        if self.following or all(
            unit.neuron.amplitude == "threshold" for unit in self.units.values()
        ):
            return dict(self.thresholds)
        return dict(
            zip(
                self.units,
                accumulate((self.thresholds[name] for name in self.units), mul),
                strict=True,
            )
        )

    def normalise(self) -> None:
        """Divides the weights of every layer by its threshold, if they are not to be kept."""
        for name in self.following:
            (connection,) = driving(self.units[name])
            _divide(connection.layer, self.thresholds[name])
            self.units[name].neuron.set_threshold(1.0, self.initial_potential)
            self.thresholds[name] = 1.0


@torch.no_grad()
def _divide(layer: nn.Module, threshold: float) -> None:
    for parameter in layer.parameters():
        parameter.div_(threshold)
