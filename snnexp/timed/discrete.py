"""A timed network in discrete time: only the times are rounded, the equations between timesteps are
exact.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from snnexp.timed.body import TimedBody
from snnexp.timed.clock import nearest_step, steps_until
from snnexp.timed.layers import timed_layers
from snnexp.timed.passages import passages
from snnexp.timed.synapses import Synapses
from snnexp.timed.unit import Timed


@contextmanager
def clocked(body: TimedBody, step: float, steps: int) -> Iterator[None]:
    """Within the block, the layers of `body` run in timesteps of `step`, all by one clock and
    without delay between layers.

    Where the potential has no maximum between inputs the exact time, rounded up, is what the
    timesteps would show. Windowed neurons have their thresholds half a timestep lower, which rounds
    to the nearest.
    """
    layers = [module for module in body.modules() if isinstance(module, Timed)]
    kept = [(layer, layer.neuron, layer.solving) for layer in layers]
    for layer, neuron, solving in kept:
        layer.neuron = copy.copy(neuron)
        layer.neuron.step_length = step
        layer.solving = replace(solving, clock=True, stepped=None if neuron.monotone else steps)
    try:
        yield
    finally:
        for layer, neuron, solving in kept:
            layer.neuron, layer.solving = neuron, solving


@dataclass(frozen=True)
class Decisions:
    """What the output layer of a clocked network says.

    Args:
        label: class of the earliest spike; of several in one timestep the one with the largest
            potential there.
        step: timestep of that spike, infinity for none.
        tied: whether several classes share it.
    """

    label: Int[Tensor, "B"]
    step: Float[Tensor, "B"]
    tied: Bool[Tensor, "B"]


class Output:
    """The output layer of a clocked network: its inputs, and when its neurons fire.

    Args:
        timed: its neurons, while clocked.
        synapses: its weights.
        inputs: their times, on the grid.
        outputs: times of its spikes, on the grid.
    """

    def __init__(
        self,
        timed: Timed,
        synapses: Synapses,
        inputs: Float[Tensor, "B N"],
        outputs: Float[Tensor, "B K"],
    ):
        self.neuron = timed.neuron
        self.synapses = synapses
        self.inputs = inputs
        self.outputs = outputs
        self.factors = self.neuron.factors(inputs.clamp(max=self.neuron.horizon))

    def potential(self, time: Float[Tensor, "B 1"]) -> Float[Tensor, "B K"]:
        """Potentials at a time per image, of what arrived before, which for windowed neurons is
        everything.
        """
        fires = self.inputs < self.neuron.horizon
        arrived = ((self.inputs < time) | self.neuron.windowed) & fires
        s0, s1 = (self.synapses.current(torch.where(arrived, factor, 0)) for factor in self.factors)
        bias = self.synapses.bias
        if bias is not None:
            first, second = self.neuron.factors(time.new_zeros(()))
            begun = (time > 0) | self.neuron.windowed
            s0 = s0 + first * bias * begun
            s1 = s1 + second * bias * begun
        return self.neuron.potential(s0, s1, time)

    def decisions(self) -> Decisions:
        """The earliest spikes."""
        first = self.outputs.amin(1, keepdim=True)
        fired = first < self.neuron.horizon
        earliest = (self.outputs == first) & fired
        label = (
            self.potential(first.clamp(max=self.neuron.horizon))
            .masked_fill(~earliest, -torch.inf)
            .argmax(1)
        )
        step = torch.where(fired, first / self.neuron.step_length, torch.inf)[:, 0].round()
        return Decisions(label, step, earliest.sum(1) > 1)

    def labels_at(self, step: int, decisions: Decisions) -> Int[Tensor, "B"]:
        """The class as of timestep `step`: of the earliest spike; before it of the largest
        potential, of windowed neurons none, -1.
        """
        time = torch.full(
            (len(self.inputs), 1),
            step * self.neuron.step_length,
            dtype=self.inputs.dtype,
            device=self.inputs.device,
        )
        before = (
            torch.full_like(decisions.label, -1)
            if self.neuron.windowed
            else self.potential(time).argmax(1)
        )
        return torch.where(decisions.step <= step, decisions.label, before)


def output_of(body: TimedBody, x: Float[Tensor, "1 B *n"], step: float) -> Output:
    """Runs a clocked body on spike times, which wait for the clock like all others, those of
    windowed neurons for the nearest timestep.
    """
    *_, last = timed_layers(body)
    with passages([last]) as passed:
        body(steps_until(nearest_step(x, last.timed.neuron), step) * step)
    times, synapses = last.timed.arriving(last.connection, passed[last.name].inputs)
    return Output(last.timed, synapses, times, passed[last.name].outputs[0])
