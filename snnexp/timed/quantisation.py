"""Weights of few bits."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor


def quantised(weight: Float[Tensor, "O *n"], bits: Literal[2, 4, 8]) -> Float[Tensor, "O *n"]:
    """The weights of a layer on a symmetric grid; in the backward pass as if they were not.

        2 bits     {-s, 0, s}: s the mean of the |w| above 0.7 mean |w|
        4, 8 bits  s round(w / s), s = max |w| / (2^(bits - 1) - 1)

    Source: ternary weights of Li 2016; the quantiser of Zhou 2021 (survey [64]) is not published.
    """
    with torch.no_grad():
        value = _ternary(weight) if bits == 2 else _uniform(weight, 2 ** (bits - 1) - 1)
    return weight + (value - weight).detach()


def _ternary(weight: Tensor) -> Tensor:
    size = weight.abs()
    large = size > 0.7 * size.mean()
    return weight.sign() * large * (size * large).sum() / large.sum().clamp(min=1)


def _uniform(weight: Tensor, levels: int) -> Tensor:
    step = (weight.abs().max() / levels).clamp(min=torch.finfo(weight.dtype).tiny)
    return (weight / step).round() * step
