"""What can be chosen of a graph that is written."""

from dataclasses import dataclass
from typing import Literal

from snnexp.limits import Positive

Pools = Literal["average", "sum"]


@dataclass(frozen=True)
class Settings:
    """What can be chosen of a graph that is written.

    Args:
        dt: seconds of a timestep.
        pools: whether average pools are written as such, or as sums with the mean in the weights
            behind them.
    """

    dt: Positive
    pools: Pools
