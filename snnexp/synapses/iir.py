"""Synapse filters of second order in front of the weights, with learned coefficients."""

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import State, at_rest
from snnexp.limits import Positive
from snnexp.synapses.base import Synapse


class IIR(Synapse):
    """A recursive filter of every input of a layer, each with coefficients of its own, which are
    learned.

        y_t = a1 y_(t-1) + a2 y_(t-2) + b x_t

    They start as a dual exponential with d = exp(-1 / decay), r = exp(-1 / rise):

        a1 = d + r,  a2 = -d r,  b = d - r;   impulse response d^(t+1) - r^(t+1)

    It sums to b / (1 - a1 - a2), which is 2.94 at decay 4 and rise 1; the synapses that stand
    behind the weights sum to 1. With a filter for each input it does not commute with the weights,
    so it stands in front of them (`layers/filter.py`), in front of the output layer as well. It
    runs step by step. Nothing keeps learned filters stable: their poles may leave the unit circle.

    One would choose it for input whose timing matters: of a still image it only sees the onset.

    Source: Fang H. 2020 (survey [55]), as its authors' public code has it.

    Args:
        decay: time constant of the slow pole, > `rise`, in timesteps.
        rise: time constant of the fast pole, > 0, in timesteps.
        learned: whether the coefficients are learned.

    Raises:
        ValueError: `rise` is not below `decay`.
    """

    before_weights: ClassVar[bool] = True
    undecayed: ClassVar[tuple[str, ...]] = ("a1", "a2", "b")

    def __init__(self, decay: Positive, rise: Positive, learned: bool):
        super().__init__()
        if rise >= decay:
            raise ValueError(
                f"synapse.rise: has to be below synapse.decay={decay:g}, got {rise:g}, which gives "
                f"no response; set synapse.rise={decay / 4}"
            )
        d, r = math.exp(-1 / decay), math.exp(-1 / rise)
        self.a1, self.a2, self.b = (
            nn.Parameter(torch.tensor(value), requires_grad=learned)
            for value in (d + r, -d * r, d - r)
        )

    def sized(self, shape: tuple[int, ...]) -> None:
        """Gives every input coefficients of its own, equal to start with."""
        for name in self.undecayed:
            shared = getattr(self, name)
            own = shared.detach().expand(shape).clone()
            setattr(self, name, nn.Parameter(own, requires_grad=shared.requires_grad))

    def initial(self, x: Float[Tensor, "B *n"]) -> tuple[Tensor, Tensor]:
        return at_rest(x), at_rest(x)

    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *n"], State]:
        last, before = state
        y = self.a1 * last + self.a2 * before + self.b * x.to(last.dtype)
        return y, (y, last)
