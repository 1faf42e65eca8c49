"""The solver for neurons that answer when all of their inputs have fired: one product of times and
weights.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.timed.neuron import TimedNeuron
from snnexp.timed.solvers.solver import Gradients, Sums
from snnexp.timed.synapses import Synapses


def forward(times: Float[Tensor, "B *n"], synapses: Synapses, neuron: TimedNeuron) -> Sums:
    """The first sum over all inputs that have fired; such neurons have no second. Their own window
    begins at 0.
    """
    total = synapses.current(_arrived(times, neuron))
    if synapses.bias is not None:
        total = (
            total + synapses.over_positions(synapses.bias) * neuron.factors(times.new_zeros(()))[0]
        )
    return total, torch.zeros_like(total), torch.zeros_like(total)


def backward(
    times: Float[Tensor, "B *n"],
    synapses: Synapses,
    neuron: TimedNeuron,
    start: Float[Tensor, "B *m"],
    p: Float[Tensor, "B *m"],
    q: Float[Tensor, "B *m"],
) -> Gradients:
    """The second factor does not count: its gradient is zero."""
    weight = synapses.weight_gradient(_arrived(times, neuron), p)
    bias = None
    if synapses.bias is not None:
        bias = p.transpose(0, 1).flatten(1).sum(1) * neuron.factors(times.new_zeros(()))[0]
    return weight, bias, synapses.input_gradient(times, p), torch.zeros_like(times)


def _arrived(times: Float[Tensor, "B *n"], neuron: TimedNeuron) -> Float[Tensor, "B *n"]:
    """The first factor of every input, 0 for one that has not fired."""
    return torch.where(
        times < neuron.horizon, neuron.factors(times.clamp(max=neuron.horizon))[0], 0
    )
