"""Synapse without dynamics."""

from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.cell import Cell


class Instantaneous(Cell):
    """A spike acts in the timestep it arrives in, and only there.

        y = x

    Impulse response 1, 0, 0, ...; it sums to 1.

    Source: survey section II-A (Dirac kernel).
    """

    memoryless: ClassVar[bool] = True
    identity: ClassVar[bool] = True

    def initial(self, x: Float[Tensor, "B *n"]) -> tuple[()]:
        return ()

    def step(self, x: Float[Tensor, "B *n"], state: Any) -> tuple[Float[Tensor, "B *n"], Any]:
        return x, state
