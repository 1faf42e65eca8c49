"""What a threshold rule is."""

import abc
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class Layer:
    """What a rule may know of the layer beside the values it reads.

    Args:
        name: of the unit.
        place: number of the layer in the order of the forward pass, from 0.
        activation: activation function of the analog unit.
        weights: of the connections that drive the unit, norms folded.
        initial_potential: potential before the first timestep as a fraction of the threshold.
    """

    name: str
    place: int
    activation: nn.Module
    weights: tuple[Tensor, ...]
    initial_potential: float


class Rule(abc.ABC):
    """Chooses the threshold of a layer from values that have been measured on training images.

    The values are either the activations of the analog form, or, where `spikes`, the input current
    of one timestep of the spiking form with every layer before balanced already; then `timesteps`
    timesteps are read, which by default give the largest of their thresholds. Currents are what
    arrives in one timestep, never potentials.
    """

    spikes: ClassVar[bool] = False
    """Whether the values are currents of the spiking form instead of activations of the analog
    one.
    """
    reads_bound: ClassVar[bool] = False
    """Whether it takes the bound `clip` of the activation, which then has to have one."""

    @abc.abstractmethod
    def __call__(self, values: Float[Tensor, "B *m"], layer: Layer) -> float:
        """The threshold, > 0; 0 or less for a layer whose values give none."""

    def after(self, threshold: float, values: Float[Tensor, "B *m"], layer: Layer) -> float:
        """The threshold after one more timestep, where the timesteps before have given `threshold`,
        0 before the first.
        """
        return max(threshold, self(values, layer))
