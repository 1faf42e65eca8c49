"""The Lambert function."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

_STEPS = 4


def lambert(x: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """The principal branch W0 on [-1/e, 0]: the w >= -1 with w exp(w) = x. Below -1/e, where
    rounding may lead, it is -1.

    A series around the branch point, then Halley's iteration; where the series is exact to
    rounding, the series alone.

    Source: Corless et al. 1996.
    """
    p = torch.sqrt((2 * (1 + math.e * x)).clamp(min=0))
    w = -1 + p - p.square() / 3 + 11 / 72 * p.pow(3)
    near = p <= 1e-4
    for _ in range(_STEPS):
        e = torch.exp(w)
        error = w * e - x
        halved = error * (w + 2) / (2 * (w + 1)).masked_fill(near, 1)
        w = torch.where(near, w, w - error / (e * (w + 1) - halved).masked_fill(near, 1))
    return w
