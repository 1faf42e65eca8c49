"""Percentiles that are exact for any number of values."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def nearest_rank(values: Float[Tensor, " n"], percentile: float) -> float:
    """The ceil(percentile n / 100)-th smallest of the values; `torch.quantile` stops at 2^24 of them."""
    rank = min(max(math.ceil(percentile / 100 * len(values)), 1), len(values))
    return float(values.to(torch.promote_types(values.dtype, torch.float32)).kthvalue(rank).values)
