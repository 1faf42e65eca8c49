"""What low-pass filtered signals ask of a neuron."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class TracedNeuron(Protocol):
    """A leaky neuron whose spikes hold down the others of its layer, with thresholds that are
    learned, one for each feature.
    """

    leak: float
    """Share of the potential kept per timestep; traces of spikes decay as it does."""
    inhibition: float
    """What a spike takes from each of the others, in [0, 1), as a fraction of their threshold."""
    rates: dict[str, float]
    """Factors on the learning rate by name of a parameter, see `parameter_groups`."""

    def threshold_of(self, x: Float[Tensor, "B *n"]) -> Float[Tensor, "f *m"]:
        """The thresholds in the form that goes with a current `[B, *n]`; gradients reach the
        parameter `threshold` through it.
        """

    def spread(self, value: float) -> None:
        """Gives every feature a threshold of its own, `value` to start with."""

    def shift(self, change: Float[Tensor, " f"]) -> None:
        """Adds to the thresholds of the features, which stay above zero. What autograd has kept of
        the thresholds before stays as it was.
        """
