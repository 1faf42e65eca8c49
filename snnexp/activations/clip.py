"""Rectifier with a learned upper bound."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.activations.base import Activation
from snnexp.activations.positive import positive
from snnexp.limits import Fraction, Positive


class Clip(Activation):
    """Rises from zero to a bound that is learned, one number for all neurons of a layer.

        y = min(max(0, z - shift clip), clip)

    The bound is the threshold of the neurons that take the place of the activation: firing rates
    have a largest value too. Neurons that start from potential 0 fire on average half a spike less
    than the activation asks for; shift = 1 / (2 T) teaches the network so for T timesteps. Neurons
    that start from half their threshold need no shift. `clip` stays at or above 0.001, whatever
    training does to it. An optimizer's weight decay applies to it as to every weight.

    Source: learned bound: Ho & Chang 2021 (trainable clipping layer); shift: Deng & Gu 2021, with a
    bound that is not learned.

    Args:
        clip: bound before training, > 0, in units of the activation.
        shift: how far the function lies to the right, in [0, 1], as a fraction of the bound.
    """

    def __init__(self, clip: Positive, shift: Fraction):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(float(clip)))
        self.shift = shift

    @property
    def clip(self) -> Float[Tensor, ""]:
        """The bound learned so far, > 0."""
        return positive(self.w)

    def forward(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        x = z.to(torch.promote_types(z.dtype, torch.float32))
        return (x - self.shift * self.clip).clamp(min=0).clamp(max=self.clip).to(z.dtype)
