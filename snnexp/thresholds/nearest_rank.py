"""Percentiles that are exact for any number of values."""

from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.ranks import nearest


def nearest_rank(values: Float[Tensor, " n"], percentile: int | float | Fraction) -> float:
    """The ceil(percentile n / 100)-th smallest of the values; `torch.quantile` stops at 2^24 of
    them.
    """
    return float(
        values.to(torch.promote_types(values.dtype, torch.float32))
        .kthvalue(nearest(percentile, len(values)))
        .values
    )
