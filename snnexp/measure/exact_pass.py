"""A pass through a timed network with exact spike times: what it costs, and when it decides."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.datasets.batches import Batch
from snnexp.measure.decision_times import DecisionTimes
from snnexp.measure.early_spikes import EarlySpikes
from snnexp.measure.fan_out import fan_out
from snnexp.measure.flow import Flow, Place
from snnexp.measure.record import encoding
from snnexp.measure.tally import Layer, Tally
from snnexp.network.network import Network
from snnexp.timed.delays import terminals
from snnexp.timed.layers import TimedLayer, timed_layers
from snnexp.timed.passages import Passage, passages


class ExactPass:
    """Spikes and operations, spikes before the decision, and decisions, batch by batch.

    Args:
        network: in the timed form.
    """

    def __init__(self, network: Network):
        self.network = network
        self.layers = list(timed_layers(network))
        self.neuron = self.layers[-1].timed.neuron
        self.tally = Tally(flow=Flow(by_timestep=False))
        self.early = EarlySpikes([layer.name for layer in self.layers])
        self.decisions = DecisionTimes(self.neuron.horizon)

    def see(self, batch: Batch) -> None:
        """Runs the network on a batch, and counts."""
        with passages(self.layers) as passed:
            self.network(batch.input, range(1), batch.keys)
        self.tally.flow.begin(0)
        self._count_encoding(batch.input)
        *hidden, last = self.layers
        outputs = passed[last.name].outputs[0]
        for layer in self.layers:
            self._count(layer, passed[layer.name])
        decided = outputs.amin(1).clamp(max=self.neuron.horizon)
        self.early.see(last.name, outputs, decided)
        until = torch.full_like(decided, self.neuron.horizon) if self.neuron.windowed else decided
        for layer in hidden:
            self.early.see(layer.name, passed[layer.name].outputs[0], until)
        self.decisions.see(outputs, batch.labels)

    def gather(self) -> None:
        """Takes in what other processes have counted."""
        self.early.gather()
        self.decisions.gather()
        self.tally.images = self.decisions.images
        self.tally.gather()

    def span(self) -> float:
        """The time that passes in discrete time cover: a neuron on a grid has all of its
        horizon.
        """
        whole = self.neuron.forced or self.neuron.windowed
        return self.neuron.horizon if whole else self.decisions.span()

    def shown(self) -> dict[str, Any]:
        """What the result file says of it."""
        before = len(self.layers) * self.neuron.horizon if self.neuron.windowed else 0.0
        return self.decisions.shown(before) | self.early.shown(self.tally)

    def _count_encoding(self, images: Float[Tensor, "B *sample"]) -> None:
        products = encoding(self.network.encoder, images)
        self.tally.mac += products
        self.tally.mac_ann += products
        if products:
            each, size = products // len(images), images[0].numel()
            self.tally.flow.synapses["encoder"] = Place(each // size, size, size)
            self.tally.flow.mac_ann["encoder"] = each
            self.tally.flow.multiplied("encoder", each, 1, images[None])

    def _count(self, layer: TimedLayer, passage: Passage) -> None:
        """Spikes that a layer gives, accumulates of those that it gets, and products of the analog
        network.
        """
        inputs, outputs = passage.inputs[0], passage.outputs[0]
        counts = self.tally.layers.setdefault(layer.name, Layer(outputs[0].numel()))
        counts.spikes += int((outputs < self.neuron.horizon).sum())
        arrived = (inputs < self.neuron.horizon).sum(0, dtype=torch.float64)
        reached = fan_out(layer.connection, inputs[:1]) * terminals(layer.connection)
        accumulates = float((arrived * reached).sum())
        self.tally.ac += accumulates
        weights = layer.connection.layer.weight.numel()
        macs = weights * (outputs[0, 0].numel() if outputs.dim() == 4 else 1)
        self.tally.mac_ann += len(inputs) * macs
        place = Place(weights, inputs[0].numel(), outputs[0].numel(), leaks=False)
        self._flow(layer.name, place, macs, accumulates, outputs)

    def _flow(
        self, name: str, place: Place, macs: int, accumulates: float, outputs: Tensor
    ) -> None:
        """The same by part, as of one timestep, summed over the batch."""
        flow, fired = self.tally.flow, outputs < self.neuron.horizon
        flow.synapses[f"{name}.connection"], flow.neurons[name] = place, place
        flow.mac_ann[f"{name}.connection"] = macs
        flow.came(f"{name}.connection", outputs.new_full((1, 1), accumulates, dtype=torch.float64))
        flow.came(name, fired.sum(dtype=torch.float64).view(1, 1))
