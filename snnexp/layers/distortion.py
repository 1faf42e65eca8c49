"""What conversion asks of the layers between neurons."""

from typing import Literal, Protocol, runtime_checkable

Code = Literal["rates", "steps"]
"""How what neurons send stands for activations: by its mean over time, or by the time from which
it stays on.
"""


@runtime_checkable
class Distorting(Protocol):
    """A pool or joint that may do to spikes what it does not do to the activations they stand for.

    Layers that are linear, such as averages and sums, need not say anything.
    """

    def distortion(self, code: Code) -> str | None:
        """What comes out wrong of spikes in this code, beginning with a verb, and the remedy;
        None where the layer does the same to spikes and to activations.
        """
