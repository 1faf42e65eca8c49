"""What travels along an edge of a network, for whoever counts it: real numbers, spikes, or both."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Real:
    """Real numbers: weights multiply them.

    Args:
        steps: timesteps at which they are multiplied; what stands still is multiplied once.
    """

    steps: int


class Spikes:
    """Spikes: every one of them has a weight added.

    A value may stand for several spikes, as behind a pool, or for none, as a level that spikes
    switch on and off. Where `behind` is left out, every value other than 0 is one spike.

    Args:
        values: what is sent.
        behind: finds how many spikes are behind each value, `[T, B, *n]`.
        totals: finds their sum over time and images, `[*n]` in float64, where a way is shorter.
        by_place: finds their sum over channels, `[T, B, 1, ...]`, where a way is shorter.
    """

    def __init__(
        self,
        values: Float[Tensor, "T B *n"],
        behind: Callable[[], Tensor] | None = None,
        totals: Callable[[], Tensor] | None = None,
        by_place: Callable[[], Tensor] | None = None,
    ):
        self.values = values
        self._behind = behind
        self._totals = totals
        self._by_place = by_place

    @property
    def single(self) -> bool:
        """Whether every value other than 0 is one spike."""
        return self._behind is None

    def behind(self) -> Tensor:
        """How many spikes are behind each value, `[T, B, *n]`."""
        return self.values.detach() != 0 if self._behind is None else self._behind()

    @cached_property
    def totals(self) -> Float[Tensor, "*n"]:
        """How many spikes each position sends, over all timesteps and images."""
        if not len(self.values):
            return self.values.new_zeros(self.values.shape[2:], dtype=torch.float64)
        if self._totals is not None:
            return self._totals()
        return self.behind().sum((0, 1), dtype=torch.float64)

    @cached_property
    def by_place(self) -> Float[Tensor, "T B 1 *places"]:
        """How many spikes come at each timestep from each image, all channels of a place
        together.
        """
        if self._by_place is not None:
            return self._by_place()
        return self.behind().sum(2, keepdim=True, dtype=torch.float64)


@dataclass(frozen=True)
class Accompanied:
    """Spikes with real numbers added to them: the weights of spikes are added, the real numbers
    are multiplied.

    Args:
        spikes: themselves.
        steps: timesteps at which the real numbers are multiplied.
        alike: channels that share a real number, whose weights are put together before.
    """

    spikes: Spikes
    steps: int
    alike: int


Signal = Real | Spikes | Accompanied


def together(signals: list[Signal]) -> Real | None:
    """What values of several branches are if one of them is not of spikes alone: real. None where
    all are.
    """
    steps = [signal.steps for signal in signals if not isinstance(signal, Spikes)]
    return Real(max(steps)) if steps else None
