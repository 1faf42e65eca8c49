"""What the neurons of the timed form whose synapses decay have in common."""

import abc
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import State, at_rest
from snnexp.limits import Positive
from snnexp.neurons.base import Neuron
from snnexp.neurons.once import Once, check_exponent


class Decaying(Neuron, abc.ABC):
    """Two traces of the input, both 0 at first, and whether the one spike is still to come, 1 at
    first.

    Args:
        threshold: potential at which the spike is fired, > 0.
        time_constant: tau of the synapses, > 0, in the unit of time.
        horizon: spikes at this time or later count as never, > 0, at most 40 tau.
        step: length of a timestep where the neuron runs in discrete time, > 0.
        surrogate: potential minus threshold to spikes, for training through time; exact times do
            not need it.

    Raises:
        ValueError: a horizon whose exponential is too large.
    """

    keeps_potential: ClassVar[bool] = False

    def __init__(
        self,
        threshold: Positive,
        time_constant: Positive,
        horizon: Positive,
        step: Positive,
        surrogate: nn.Module,
    ):
        super().__init__()
        check_exponent(horizon, time_constant)
        self.threshold, self.time_constant, self.horizon, self.step_length = (
            threshold,
            time_constant,
            horizon,
            step,
        )
        self.once = Once(threshold, surrogate)

    def initial(self, x: Float[Tensor, "B *n"]) -> State:
        return at_rest(x), at_rest(x), at_rest(x, 1.0)
