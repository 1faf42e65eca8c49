"""The neuron of the DCT encoder."""

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.cell import Cell, State, at_rest


class SignedFiring(Cell):
    """Integrates without leak and fires a positive or a negative spike, with a threshold for each
    sign.

        u <- u + x
        s = 1[u > upper] - 1[u < lower]
        u <- u - upper 1[u > upper] - lower 1[u < lower]

    Source: Garg 2020 (survey [74]).

    The thresholds are buffers, 0 until they are set from data.
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("lower", torch.zeros(()))
        self.register_buffer("upper", torch.zeros(()))

    def initial(self, x: Float[Tensor, "B *n"]) -> State:
        return at_rest(x)

    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *n"], State]:
        u = state + x
        above, below = (u > self.upper).to(u.dtype), (u < self.lower).to(u.dtype)
        return above - below, u - self.upper * above - self.lower * below
