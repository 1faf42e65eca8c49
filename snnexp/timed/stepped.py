"""The layer of a timed network in discrete time: the cell itself, driven timestep by timestep."""

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.cell import Over, streaming
from snnexp.timed.clock import steps_until
from snnexp.timed.neuron import TimedNeuron
from snnexp.timed.synapses import Synapses


def stepped(
    times: Float[Tensor, "B *n"], synapses: Synapses, neuron: TimedNeuron, steps: int
) -> Float[Tensor, "B *m"]:
    """Spike times of the neuron as a cell, driven timestep by timestep; infinity for none within
    `steps`.

    A spike at a time within step k arrives at its end, and what fires at its end does so at time k
    step_length.
    """
    arrival = steps_until(times, neuron.step_length)
    found = torch.full(
        (len(times), *synapses.shape(times)), torch.inf, dtype=times.dtype, device=times.device
    )
    cell = Over(neuron)
    with streaming(
        cell
    ):  # a timestep is a chunk, so that the currents of one timestep are all that is in memory
        for now in range(steps + 1):
            spikes = cell(_current(arrival, synapses, now)[None])[0]
            found = torch.where(spikes > 0, now * neuron.step_length, found)
    return found


def _current(arrival: Float[Tensor, "B *n"], synapses: Synapses, now: int) -> Float[Tensor, "B *m"]:
    """What the neurons get in a timestep. The bias comes in the first."""
    current = synapses.current((arrival == now).to(arrival.dtype))
    if now == 0 and synapses.bias is not None:
        current = current + synapses.over_positions(synapses.bias)
    return current
