"""A threshold that conversion sets, and the potential at the start that goes with it."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.limits import Fraction, Positive
from snnexp.neurons.start import share_of, with_room


class Threshold(nn.Module):
    """One number for all neurons of a layer, and the potential at which they start.

    Args:
        value: the threshold, > 0, in units of the input current.
        initial_potential: potential at the start, in [0, 1], as a fraction of the threshold.
    """

    value: Float[Tensor, ""]
    initial_potential: Float[Tensor, ""]

    def __init__(self, value: Positive, initial_potential: Fraction):
        super().__init__()
        self.register_buffer("value", torch.zeros(()))
        self.register_buffer(
            "initial_potential", torch.zeros(())
        )  # unlike the argument in units of the potential
        self.set(value, initial_potential)

    @torch.no_grad()
    def set(self, value: float | Float[Tensor, ""], initial_potential: Fraction) -> None:
        """Changes both in place."""
        self.value.fill_(value)
        self.initial_potential.copy_(share_of(value, initial_potential, self.value))

    @torch.no_grad()
    def charge(self, potential: Float[Tensor, "*n"]) -> None:
        """Adds to the potential at the start, which may then be another for each neuron."""
        self.initial_potential = self.initial_potential + potential

    def make_room(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Makes one potential at the start many, where each neuron was given its own."""
        self.initial_potential = with_room(self.initial_potential, shapes)
