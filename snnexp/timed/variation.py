"""Weights and thresholds of parts that differ from one another."""

import torch
from jaxtyping import Float
from torch import Tensor


def varied(weight: Float[Tensor, "O *n"], variation: float) -> Float[Tensor, "O *n"]:
    """The weights of neurons whose weights and thresholds vary: thresholds are in the unit of
    weights, so that one that is higher acts as weights that are lower.

        w_ji <- w_ji (1 + variation e_ji) / max(1 + variation e_j, 0.1),   e_ji, e_j ~ N(0, 1)

    Args:
        weight: of a layer.
        variation: relative standard deviation, >= 0.
    """
    own = 1 + variation * torch.randn_like(weight)
    threshold = 1 + variation * torch.randn(
        len(weight), *[1] * (weight.dim() - 1), device=weight.device, dtype=weight.dtype
    )
    return weight * own / threshold.clamp(min=0.1)
