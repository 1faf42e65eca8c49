"""What a neuron with one leaky potential does at a timestep, in numbers."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from snnexp.neurons.firing import Order, Reset


@dataclass(frozen=True)
class Dynamics:
    """All that says which spikes a neuron sends for a current, as it is now, learned or set.

        u = leak v + gain x                                       charge
        s = 1[u >= threshold]                                     fire
        v = u (1 - s)  (hard)  or  u - threshold s  (soft)        reset
        y = height s                                              emit

    With `order=fire_before` the potential of the step before fires.

    Args:
        leak: share of the potential kept from one timestep to the next, in [0, 1].
        gain: factor on the current, > 0.
        threshold: potential at which a spike is fired, > 0.
        reset: what a spike does to the potential.
        height: of an emitted spike, > 0.
        order: which potential fires.
        initial_potential: before the first timestep; one for all, or one for each neuron.
    """

    leak: float
    gain: float
    threshold: float
    reset: Reset
    height: float
    order: Order
    initial_potential: Float[Tensor, "*n"]


@runtime_checkable
class Leaky(Protocol):
    """A neuron that is no more than one leaky potential with a threshold, and says its numbers."""

    def dynamics(self) -> Dynamics:
        """What it does, in numbers."""
