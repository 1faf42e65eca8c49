"""What the passes of batch normalisation are told; equations in norm.py."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """What a whole batch says of each of its m channels.

    Args:
        moments: mean and biased variance, in float64.
        count: values per channel, of all processes that share the batch.
        epsilon: added to the variance, > 0.
    """

    moments: Float[Tensor, "2 m"]
    count: float
    epsilon: float


@dataclass(frozen=True)
class Running:
    """Running statistics, changed in place: (1 - momentum) running + momentum new, with the
    unbiased variance.
    """

    mean: Float[Tensor, " m"] | None
    variance: Float[Tensor, " m"] | None
    momentum: float
