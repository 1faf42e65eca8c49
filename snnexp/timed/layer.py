"""Timed units: weights, and neurons that answer spike times with spike times."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.layers.connection import Connection
from snnexp.timed.averages import arriving
from snnexp.timed.centralization import centralized
from snnexp.timed.neuron import TimedNeuron
from snnexp.timed.quantisation import quantised
from snnexp.timed.spike_times import SolverName, spike_times
from snnexp.timed.stepped import nearest_step, stepped, steps_until
from snnexp.timed.synapses import Synapses


@dataclass(frozen=True)
class Solving:
    """How spike times and their gradients are found.

    Args:
        solver: see `spike_times`.
        slope_limit: see `spike_times`.
        normalize: see `spike_times`.
        centralize: see `centralized`.
        clock: whether spikes wait for the next multiple of the neuron's timestep; their gradient
            does not.
        bits: of the weights, None for all.
        variation: relative standard deviation of weights and thresholds, drawn anew for every
            training batch.
    """

    solver: SolverName
    slope_limit: float | None
    normalize: bool
    centralize: bool
    clock: bool
    bits: Literal[2, 4, 8] | None
    variation: float
    stepped: int | None = None  # timesteps where the cell itself runs step by step


class Timed(nn.Module):
    """The neurons of a layer: spike times `[1, B, *n]` through a connection to spike times `[1, B,
    *m]`.

    Args:
        neuron: the equations.
        solving: how they are solved.
    """

    def __init__(self, neuron: TimedNeuron, solving: Solving):
        super().__init__()
        self.neuron = neuron
        self.solving = solving
        self.silent: Tensor | None = None
        """Share of the last training batch for which each output did not fire; over positions the
        mean.
        """
        self.fired = torch.tensor(0)
        """Spikes in the last training batch."""

    def forward(
        self, connection: Connection, x: Float[Tensor, "1 B *n"], pulses: nn.Module | None = None
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
            times, synapses, self.neuron, solving.solver, solving.slope_limit, solving.normalize
        )
        return (
            _Wait.apply(nearest_step(t, self.neuron), self.neuron.step_length)
            if solving.clock
            else t
        )

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

    def __init__(self, connection: Connection, timed: Timed, pulses: nn.Module | None):
        super().__init__()
        self.connection = connection
        self.timed = timed
        self.pulses = pulses

    def forward(self, x: Float[Tensor, "1 B *n"]) -> Float[Tensor, "1 B *m"]:
        return self.timed(self.connection, x, self.pulses)


class Pulses(nn.Module):
    """Spikes at learned times, that every neuron of a linear layer gets with weights of their own.

    Source: Comsa 2020 (survey [59]), synchronisation pulses at first evenly spaced.

    Args:
        count: how many, >= 1.
        outputs: neurons of the layer.
        span: time over which they are spread at first, > 0.
        gain: change of a time per unit of its parameter, > 0: optimizers have one step length for
            all parameters.
        drive: sum of the weights at first.
    """

    def __init__(self, count: int, outputs: int, span: float, gain: float, drive: float):
        super().__init__()
        self.gain = gain
        self.times = nn.Parameter(torch.arange(1, count + 1) * (span / (count + 1) / gain))
        self.weight = nn.Parameter(torch.full((outputs, count), drive / count))

    def forward(
        self, times: Float[Tensor, "B N"], synapses: Synapses
    ) -> tuple[Float[Tensor, "B M"], Synapses]:
        """Inputs and weights with the pulses behind them."""
        if synapses.convolution:
            raise ValueError(
                "pulses go with linear layers only; set strategy.stages.train.form.pulses=0"
            )
        pulses = (self.times * self.gain).clamp(min=0).expand(len(times), -1)
        weight = torch.cat([synapses.weight, self.weight], 1)
        return torch.cat([times, pulses.to(times.dtype)], 1), synapses.replaced(
            weight, synapses.bias
        )


def varied(weight: Tensor, variation: float) -> Tensor:
    """Every weight times N(1, variation^2), and every neuron's by one more, which does what a
    varied threshold does.
    """
    own = 1 + variation * torch.randn_like(weight)
    threshold = 1 + variation * torch.randn(
        len(weight), *[1] * (weight.dim() - 1), device=weight.device, dtype=weight.dtype
    )
    return weight * own / threshold.clamp(min=0.1)


class _Wait(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t: Tensor, step: float) -> Tensor:
        return steps_until(t, step) * step

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None
