"""A converted network beside the one it came from."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.conversion import probe
from snnexp.conversion.units import driving, hidden_units
from snnexp.datasets.batches import Batch
from snnexp.layers.connection import Connection
from snnexp.network.network import Network
from snnexp.network.parts import analog_units
from snnexp.neurons.convertible import Convertible


@dataclass(frozen=True)
class Converted:
    """A converted network beside the one it came from.

    Args:
        analog: the network it came from, in evaluation mode.
        spiking: the converted network, in evaluation mode.
        thresholds: by layer.
        spans: the activation that one spike per timestep stands for, by layer.
    """

    analog: Network
    spiking: Network
    thresholds: dict[str, float]
    spans: dict[str, float]

    def activations(
        self, batch: Batch, of: Callable[[Tensor], Tensor] = lambda a: a
    ) -> dict[str, Tensor]:
        """`of` the activations `[B, *m]` of every layer of the analog network."""
        found: dict[str, Tensor] = {}
        units = {
            name: unit for name, unit in analog_units(self.analog).items() if name in self.spans
        }
        probe.run(
            self.analog, batch, 1, {unit: _keep(found, name, of) for name, unit in units.items()}
        )
        return found

    def activation(self, name: str, batch: Batch) -> Float[Tensor, "B *m"]:
        """The activations of one layer; those behind it are not run."""
        found, unit = {}, analog_units(self.analog)[name]
        probe.run(self.analog, batch, 1, {unit: _keep(found, name, lambda a: a)}, last=unit)
        return found[name]

    def trains(self, batch: Batch, timesteps: int) -> dict[str, "Train"]:
        """What every layer sends in so many timesteps."""
        trains = {
            name: self._train(name, unit.neuron, timesteps)
            for name, unit in hidden_units(self.spiking).items()
        }
        probe.run(
            self.spiking,
            batch,
            timesteps,
            {unit: trains[name].add for name, unit in hidden_units(self.spiking).items()},
        )
        return trains

    def train(self, name: str, batch: Batch, timesteps: int) -> "Train":
        """What one layer sends; the layers behind it are not run."""
        unit = hidden_units(self.spiking)[name]
        train = self._train(name, unit.neuron, timesteps)
        probe.run(self.spiking, batch, timesteps, {unit: train.add}, last=unit)
        return train

    def _train(self, name: str, neuron: Convertible, timesteps: int) -> "Train":
        height = self.thresholds[name] if neuron.amplitude == "threshold" else 1.0
        # A code in windows has its value in each; the first ones are too early.
        window = neuron.window if neuron.windowed else timesteps
        return Train(self.spans[name] / height, max(timesteps - window, 0))

    def connection(self, name: str) -> Connection | None:
        """The connection through which the currents of a layer are corrected."""
        return next(iter(driving(hidden_units(self.spiking)[name])), None)

    def current(self, name: str) -> float:
        """The current per timestep that stands for an activation of 1 in a layer."""
        return self.thresholds[name] / self.spans[name]


class Train:
    """Adds up what a layer sends.

    Args:
        unit: the activation that an output of 1 at every timestep stands for.
        skipped: timesteps at the start whose output stands for nothing yet.
    """

    def __init__(self, unit: float, skipped: int):
        self.unit, self.skipped = unit, skipped
        self.steps = 0
        self.total: Tensor | float = 0.0
        self.counts: Tensor | int = 0

    def add(self, y: Float[Tensor, "T B *m"]) -> None:
        """Takes the next timesteps."""
        self.counts = self.counts + y.count_nonzero(0)
        late = y[max(self.skipped - self.steps, 0) :]
        self.total = self.total + late.sum(0, dtype=torch.promote_types(y.dtype, torch.float32))
        self.steps += len(y)

    @property
    def value(self) -> Float[Tensor, "B *m"]:
        """The activation that the mean output stands for."""
        return self.total * (self.unit / (self.steps - self.skipped))


def _keep(found: dict[str, Tensor], name: str, of: Callable[[Tensor], Tensor]) -> probe.See:
    return lambda activation: found.update({name: of(activation[0])})
