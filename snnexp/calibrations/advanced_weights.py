"""Calibration of the weights of every layer."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.calibrations.base import Calibration, layer_by_layer
from snnexp.calibrations.light import Light
from snnexp.cell import Cell
from snnexp.conversion import probe
from snnexp.conversion.converted import Converted
from snnexp.conversion.units import hidden_units
from snnexp.counted.spike_count import Mean
from snnexp.datasets.batches import Batch, Batches
from snnexp.layers.connection import Connection
from snnexp.limits import Count, Positive
from snnexp.neurons.convertible import Chargeable
from snnexp.progress.work import doing
from snnexp.stopping import look_together


class AdvancedWeights(Calibration):
    """Layer by layer trains the weights on what the layer really gets from the spikes of those
    before, then calibrates as light does.

        x = mean over timesteps of the input spikes,  z = W x + b
        y = threshold clip(floor(timesteps z / threshold + initial potential), 0,
            timesteps) / timesteps
        (W, b) <- argmin mean (a - y)^2           by Adam; backward the floor counts as the identity

    What the order of spikes within the timesteps does is not in y; the light calibration sees it.

    Source: Li 2021, SNN calibration, advanced pipeline with weights (1024 images, 5000 steps of
    1e-5); beyond the survey.

    Args:
        samples: number of training images, without augmentation.
        timesteps: T that the correction is for; measured over all of them.
        iterations: steps of the optimizer for each layer.
        learning_rate: of Adam, > 0.
        batch_size: images per step, drawn at random.
    """

    def __init__(
        self,
        samples: Count,
        timesteps: Count,
        iterations: Count,
        learning_rate: Positive,
        batch_size: Count,
    ):
        self.light = Light(samples, timesteps)
        self.samples = samples
        self.timesteps = timesteps
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.batch_size = batch_size

    def __call__(self, converted: Converted, train: Batches) -> None:
        batch = train.sample(self.samples)
        for name, _ in layer_by_layer(converted.spans):
            connection = converted.connection(name)
            if connection is not None:
                self._fit(converted, name, connection, batch)
        self.light(converted, train)

    def _fit(self, converted: Converted, name: str, connection: Connection, batch: Batch) -> None:
        wanted = converted.activation(name, batch)
        x, rest = self._inputs(converted, name, connection, batch)
        optimizer = torch.optim.Adam(connection.layer.parameters(), lr=self.learning_rate)
        threshold, span = converted.thresholds[name], converted.spans[name]
        start = starting_share(hidden_units(converted.spiking)[name].neuron, wanted[:1], threshold)
        for places in self._draws(len(wanted)):
            with torch.enable_grad():
                current = connection.weights(x[None, places])[0] + rest[places]
                error = (
                    (wanted[places] - span * self._rate(current / threshold, start)).square().mean()
                )
            optimizer.zero_grad(set_to_none=True)
            error.backward()
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def _inputs(
        self, converted: Converted, name: str, connection: Connection, batch: Batch
    ) -> tuple[Tensor, Tensor]:
        """What the weights get, and what other branches add to their current, on average over
        time.
        """
        joint, x, current = hidden_units(converted.spiking)[name].connection, Mean(), Mean()
        probe.run(
            converted.spiking,
            batch,
            self.timesteps,
            {connection.before: x.add, joint: current.add},
            last=joint,
        )
        return x.value()[0], current.value()[0] - connection.weights(x.value())[0]

    def _draws(self, images: int) -> Iterator[Tensor]:
        with doing("fitting", self.iterations, "steps") as work:
            for _ in range(self.iterations):
                look_together()
                yield torch.randint(images, (min(self.batch_size, images),))
                work.advance()

    def _rate(
        self, z: Float[Tensor, "B *m"], start: Float[Tensor, "1 *m"]
    ) -> Float[Tensor, "B *m"]:
        """Spikes per timestep for a current of z thresholds."""
        counts = z * self.timesteps + start
        return (counts + (counts.floor() - counts).detach()).clamp(
            0, self.timesteps
        ) / self.timesteps


def starting_share(
    neuron: Cell, x: Float[Tensor, "1 *m"], threshold: float
) -> Float[Tensor, "1 *m"]:
    """The potential at the start as a share of the threshold, which is what neurons hold that are
    not `Chargeable`. It comes first in the states of neurons that have more.
    """
    state = neuron.initial(x)
    potential = state[0] if isinstance(state, tuple) else state
    return potential / threshold if isinstance(neuron, Chargeable) else potential
