"""The exact solver for inputs on a grid of few times: one plain convolution per time, no sorting
and no patches.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.timed.neuron import TimedNeuron
from snnexp.timed.solvers.solver import Gradients, Sums
from snnexp.timed.synapses import Synapses


def times_of(
    times: Float[Tensor, "B *n"], synapses: Synapses, neuron: TimedNeuron
) -> Float[Tensor, "G"]:
    """The times at which anything arrives, in order; the bias neuron's is 0."""
    arriving = times[times < neuron.horizon]
    return torch.cat([arriving, arriving.new_zeros(0 if synapses.bias is None else 1)]).unique()


def forward(times: Float[Tensor, "B *n"], synapses: Synapses, neuron: TimedNeuron) -> Sums:
    """Adds what arrives at each time to the sums of those that have not fired."""
    grid = times_of(times, synapses, neuron)
    s0, s1 = (times.new_zeros(len(times), *synapses.shape(times)) for _ in range(2))
    start = torch.full_like(s0, -torch.inf)
    ends = torch.cat([grid, grid.new_tensor([neuron.horizon])])[1:]
    for now, end in zip(grid, ends, strict=True):
        arrived = synapses.current((times == now).to(times.dtype))
        if synapses.bias is not None and now == 0:
            arrived = arrived + synapses.over_positions(synapses.bias)
        first, second = neuron.factors(now)
        waiting = start == -torch.inf
        s0, s1 = (
            torch.where(waiting, s0 + first * arrived, s0),
            torch.where(waiting, s1 + second * arrived, s1),
        )
        start = torch.where(waiting & neuron.reaches(s0, s1, now, end), now, start)
    return s0, s1, start


def backward(
    times: Float[Tensor, "B *n"],
    synapses: Synapses,
    neuron: TimedNeuron,
    start: Float[Tensor, "B *m"],
    p: Float[Tensor, "B *m"],
    q: Float[Tensor, "B *m"],
) -> Gradients:
    """One product per time on the grid, as in the forward pass."""
    weight, by_first, by_second = (
        torch.zeros_like(synapses.weight),
        torch.zeros_like(times),
        torch.zeros_like(times),
    )
    bias = None if synapses.bias is None else torch.zeros_like(synapses.bias)
    for now in times_of(times, synapses, neuron):
        causal, here = now <= start, (times == now).to(times.dtype)
        by_s0, by_s1 = causal * p, causal * q
        first, second = neuron.factors(now)
        arrived = first * by_s0 + second * by_s1
        weight += synapses.weight_gradient(here, arrived)
        by_first += here * synapses.input_gradient(times, by_s0)
        by_second += here * synapses.input_gradient(times, by_s1)
        if bias is not None and now == 0:
            bias += arrived.transpose(0, 1).flatten(1).sum(1)
    return weight, bias, by_first, by_second
