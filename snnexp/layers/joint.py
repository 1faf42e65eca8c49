"""What joints have in common: branches, and a way of joining them."""

import abc
from typing import ClassVar

from torch import Tensor, nn

from snnexp.layers.signal import Signal, Spikes

Path = tuple[str, ...]
"""Names of the modules along a branch, in order; none where the values go straight on."""


class Joint(nn.Module, abc.ABC):
    """Branches that start from the same values, joined at their ends.

    A joint names its branches, so that nobody has to know it to find the way through it. All that
    is no joint is passed from beginning to end, as a chain.

    Args:
        joins: how the branches are joined, in a word.
        paths: the branches, in the order in which they run.
    """

    fixed: ClassVar[tuple[str, ...]] = ()
    """Names of the parts whose neurons stand for a fixed function, not for an activation."""

    def __init__(self, joins: str, paths: tuple[Path, ...]):
        super().__init__()
        self.joins = joins
        self.paths = paths

    @abc.abstractmethod
    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """What the joint sends on.

        Args:
            signals: at the ends of the branches.
            values: what the joint gives.
        """

    def added(self, signals: list[Signal]) -> list[Spikes]:
        """The spikes that are added to a current here, one by one and without weights."""
        return []


def side_by_side(branches: tuple[nn.Module, ...]) -> tuple[Path, ...]:
    """The paths of modules in a list called `branches`, one each."""
    return tuple((f"branches.{place}",) for place in range(len(branches)))
