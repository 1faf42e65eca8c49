"""A clock that spikes wait for."""

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.timed.neuron import TimedNeuron


def steps_until(t: Float[Tensor, "*n"], step: float) -> Float[Tensor, "*n"]:
    """Number of the timestep by whose end something at `t` has happened; rounding of `t` does not
    cost a step.
    """
    return torch.ceil(t / step - 1e-4)


def nearest_step(t: Float[Tensor, "*n"], neuron: TimedNeuron) -> Float[Tensor, "*n"]:
    """Times which, once they have waited for the clock, are the nearest of its multiples where the
    neuron is windowed.

    Its threshold is then lower by what the potential rises in half a timestep. Others wait as they
    are: what they answer still depends on what comes meanwhile.
    """
    return (t - neuron.step_length / 2).clamp(min=0) if neuron.windowed else t


def wait_for_clock(t: Float[Tensor, "*n"], neuron: TimedNeuron) -> Float[Tensor, "*n"]:
    """The times at which spikes that wait for the neuron's clock go on: multiples of its timestep.

        t' = step ceil(t / step),  dt'/dt = 1

    The gradient passes straight through, since that of the rounding is 0 almost everywhere.
    """
    return _StraightThrough.apply(nearest_step(t, neuron), neuron.step_length)


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t: Tensor, step: float) -> Tensor:
        return steps_until(t, step) * step

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None
