"""A training pass in count form: forward over time in spikes, backward once through an analog step
on what the spikes amount to.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from snnexp.cell import Cell, streaming
from snnexp.counted.unit import CountUnit, measured, valued
from snnexp.layers.analog import AnalogUnit
from snnexp.layers.dropout import Dropout
from snnexp.losses.reading import Reading, joined
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import analog_units, connections, spiking_units

Rule = Callable[[Cell, bool], nn.Module]
"""From the neurons of a unit, and whether they are the output, to what stands for them in the count
form.
"""


def count_network(blueprint: Blueprint, spiking: Network, rule: Rule) -> Network:
    """The count form of a spiking network: units that stand for spike trains as a whole, on the
    connections of `spiking`.

    Args:
        blueprint: that of `spiking`.
        spiking: the network that is trained.
        rule: makes what stands for neurons of them; it is told whether they are the output.
    """
    with torch.device("meta"):  # weights of its own would be thrown away
        readout = blueprint.readout()
        output = _place(nn.Identity()) if readout.spiking else nn.Identity()
        body = blueprint.body(_place, readout)
        network = Network(nn.Identity(), body, output, readout, form="counted")
    network.readout = spiking.readout
    for name, connection in connections(spiking).items():
        network.set_submodule(name, connection)
    places, neurons = analog_units(network), spiking_units(spiking)
    for name, place in places.items():
        stands_for = rule(neurons[name].neuron, place is network.output)
        network.set_submodule(name, CountUnit(place.connection, stands_for))
    return network


def _place(connection: nn.Module) -> AnalogUnit:
    """Where a unit will be, once its neurons are known."""
    return AnalogUnit(connection, nn.Identity())


class Counted(nn.Module):
    """Trains a spiking network without a graph over time: what is kept for the backward pass does
    not depend on T.

        1. spikes over all timesteps in chunks, without gradients, norms with running statistics:
           the spiking form as it is evaluated
        2. one step of the count form, whose units give what was measured in 1; norms with batch
           statistics; its gradient is the result

    Dropout has one mask for the sequence, the same in both.

    Args:
        network: the spiking form, whose connections both share.
        steps: the timesteps.
        blueprint: from which the count form is built.
        rule: neurons to what stands for them.
        signal: makes the accumulator of what a spike train amounts to.
        chunk: timesteps per call in 1.
    """

    def __init__(
        self,
        network: Network,
        steps: range,
        blueprint: Blueprint,
        rule: Rule,
        signal: Callable[[], Any],
        chunk: int,
    ):
        super().__init__()
        self.network = network
        self.twin = count_network(blueprint, network, rule)
        self.steps = steps
        self.signal = signal
        self.chunk = chunk

    def forward(self, images: Float[Tensor, "B *sample"], keys: Int[Tensor, "B"]) -> Reading:
        reading, signals = self._spikes(images, keys)
        with measured(self.twin, signals):
            analog = self._read(signals["encoder"])
        return Reading(valued(analog.scores, reading.scores), valued(analog.drive, reading.drive))

    def analog(self, images: Float[Tensor, "B *sample"]) -> Reading:
        """The pass in which nothing is measured: units are analog activations. Norms see batches of
        them.
        """
        return self._read(self.network.encoder.analog(images))

    def _read(self, x: Float[Tensor, "1 B *n"]) -> Reading:
        """The reading at every timestep, as if what the output layer gets on average came at
        each.
        """
        current = self.twin.output(self.twin.body(x))
        current = current.to(torch.promote_types(current.dtype, torch.float32))
        drive = current.expand(len(self.steps), *current.shape[1:])
        return Reading(self.network.readout(drive), drive)

    def _spikes(self, images: Tensor, keys: Tensor) -> tuple[Reading, dict[str, Tensor]]:
        readings = []
        with self.as_evaluated(), self._measuring() as signals, streaming(self.network):
            for start in range(0, len(self.steps), self.chunk):
                # The random state is put back each time, so that chunks and the count form draw the
                # same masks.
                with torch.random.fork_rng([images.device] if images.device.type == "cuda" else []):
                    readings.append(
                        self.network(images, self.steps[start : start + self.chunk], keys)
                    )
        return joined(readings), {name: signal.value() for name, signal in signals.items()}

    @contextmanager
    def _measuring(self) -> Iterator[dict[str, Any]]:
        senders = {"encoder": self.network.encoder, **spiking_units(self.network)}
        signals = {name: self.signal() for name in senders}
        hooks = [
            sender.register_forward_hook(lambda _, __, spikes, name=name: signals[name].add(spikes))
            for name, sender in senders.items()
        ]
        try:
            yield signals
        finally:
            for hook in hooks:
                hook.remove()

    @contextmanager
    def as_evaluated(self) -> Iterator[None]:
        """Within the block the network is in evaluation mode, but for its dropout."""
        training = self.network.training
        self.network.eval()
        for module in self.network.modules():
            if isinstance(module, Dropout):
                module.train(training)
        try:
            yield
        finally:
            self.network.train(training)
