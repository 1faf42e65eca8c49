"""Learned numbers that must stay above zero."""

from jaxtyping import Float
from torch import Tensor

SMALLEST = 1e-3
"""A threshold below it would turn rounding errors into spikes."""


def positive(w: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """`w` itself, and `SMALLEST` where it has been driven below; with the gradient of `w` there
    too, so that it can grow again.
    """
    return w + (w.clamp(min=SMALLEST) - w).detach()
