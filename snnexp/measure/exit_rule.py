"""When an image stops, and who looks on to find out."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

from snnexp.measure.flow import Flow

NEVER = 2.0
"""A threshold that no confidence reaches."""


@dataclass(frozen=True)
class ExitRule:
    """An image stops at the first timestep at which a confidence is at least `threshold`, at T at
    the latest. Where no class is ahead of all others it goes on.

    Args:
        confidence: its name, in `CONFIDENCES`.
        threshold: in [0, 1]; above it, nothing stops.
        learned: whether it was chosen on the validation split.
    """

    confidence: str
    threshold: float
    learned: bool = False


@runtime_checkable
class Onlooker(Protocol):
    """Sees the scores of an evaluation as they come, chunk of timesteps by chunk."""

    def begin(self, labels: Int[Tensor, "B"]) -> None:
        """A batch comes."""

    def hidden(self, steps: int, flow: Flow | None) -> None:
        """Timesteps go by in which the network gives no answer."""

    def see(
        self,
        scores: Float[Tensor, "t B K"],
        right: Bool[Tensor, "t B"],
        flow: Flow | None,
        ends: bool,
    ) -> None:
        """The next timesteps: scores, whether the class ahead is right, and what they cost.

        `ends` says that the last of them is T.
        """

    def gather(self) -> None:
        """Takes in what other processes have seen."""
