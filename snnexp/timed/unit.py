"""Timed units: weights, and neurons that answer spike times with spike times."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.layers.connection import Connection
from snnexp.timed.averages import arriving
from snnexp.timed.centralization import centralized
from snnexp.timed.clock import wait_for_clock
from snnexp.timed.neuron import TimedNeuron
from snnexp.timed.pulses import Pulses
from snnexp.timed.quantisation import quantised
from snnexp.timed.solving import Solving
from snnexp.timed.spike_times import spike_times
from snnexp.timed.stepped import stepped
from snnexp.timed.synapses import Synapses
from snnexp.timed.variation import varied


class Timed(nn.Module):
    """The neurons of a layer: spike times `[1, B, *n]` through a connection to spike times `[1, B,
    *m]`.

    Every training batch leaves in `silent` and `fired` what its neurons have done. Who trains the
    network reads them once the batch has passed: terms of a loss that push silent neurons, guards
    against silent layers, the drawing of new weights.

    Args:
        neuron: the equations.
        solving: how they are solved.
    """

    def __init__(self, neuron: TimedNeuron, solving: Solving):
        super().__init__()
        self.neuron = neuron
        self.solving = solving
        self.silent: Tensor | None = None
        """Share of the last training batch for which each output did not fire, `[O]`; over
        positions the mean. None before the first.
        """
        self.fired = torch.tensor(0)
        """Spikes in the last training batch."""

    def forward(
        self, connection: Connection, x: Float[Tensor, "1 B *n"], pulses: Pulses | None = None
    ) -> Float[Tensor, "1 B *m"]:
        times, synapses = self.arriving(connection, x)
        if pulses is not None:
            times, synapses = pulses(times, synapses)
        t = self._solved(times, synapses)
        if self.training:
            self._count(t.detach())
        return t[None]

    def arriving(
        self, connection: Connection, x: Float[Tensor, "1 B *n"]
    ) -> tuple[Float[Tensor, "B *i"], Synapses]:
        """The times at the synapses, and the weights that meet them."""
        return arriving(connection, x[0], self._synapses(connection))

    def _synapses(self, connection: Connection) -> Synapses:
        """The weights as they act: with centralized gradients, quantised, and in training varied,
        where that is asked for.
        """
        layer, solving = connection.layer, self.solving
        weight = centralized(layer.weight) if solving.centralize else layer.weight
        weight = weight if solving.bits is None else quantised(weight, solving.bits)
        if self.training and solving.variation:
            weight = varied(weight, solving.variation)
        return Synapses.of(layer, weight)

    def _solved(self, times: Tensor, synapses: Synapses) -> Tensor:
        solving = self.solving
        if solving.stepped is not None:
            return stepped(times, synapses, self.neuron, solving.stepped)
        t = spike_times(
            times,
            synapses,
            self.neuron,
            solver=solving.solver,
            slope_limit=solving.slope_limit,
            normalize=solving.normalize,
        )
        return wait_for_clock(t, self.neuron) if solving.clock else t

    def _count(self, t: Tensor) -> None:
        silent = t >= self.neuron.horizon
        self.fired = (~silent).sum()
        self.silent = silent.transpose(0, 1).flatten(1).to(t.dtype).mean(1)


class TimedUnit(nn.Module):
    """A connection and the neurons it drives, in the timed form.

    Args:
        connection: weights without norm.
        timed: the neurons.
        pulses: spikes at learned times beside the inputs, or None.
    """

    def __init__(self, connection: Connection, timed: Timed, pulses: Pulses | None):
        super().__init__()
        self.connection = connection
        self.timed = timed
        self.pulses = pulses

    def forward(self, x: Float[Tensor, "1 B *n"]) -> Float[Tensor, "1 B *m"]:
        return self.timed(self.connection, x, self.pulses)
