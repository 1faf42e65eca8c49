"""Synapse with the alpha response of the spike response model: a timestep late, with peak 1."""

import math

from jaxtyping import Float
from torch import Tensor

from snnexp.cell import Cell, at_rest
from snnexp.limits import Positive


class Response(Cell):
    """The effect of a spike begins a timestep later, rises to 1 and falls.

        p(t) = d p(t - 1) + x(t),  q(t) = d (q(t - 1) + p(t - 1)),  d = exp(-1 / time_constant)
        y = (e / time_constant) q

    Impulse response h_t = (t / time_constant) exp(1 - t / time_constant), t = 0, 1, ...: 0 at
    first, 1 at the time constant. It sums to about e time_constant, not to 1, so that thresholds
    are in units of the peak of one spike. The paper has it before the weights; behind them
    it is the same, for a filter that all share commutes with weights and pools, if they have no
    bias. To be chosen with `neuron=spike_response`.

    Source: Shrestha & Orchard 2018 SLAYER (survey [47]), whose code cuts the response off where it
    falls below 0.01.

    Args:
        time_constant: of the response, > 0, in timesteps; when its peak is.
    """

    def __init__(self, time_constant: Positive):
        super().__init__()
        self.d = math.exp(-1 / time_constant)
        self.scale = math.e / time_constant

    def initial(
        self, x: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        return at_rest(x), at_rest(x)

    def step(
        self, x: Float[Tensor, "B *n"], state: tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]
    ) -> tuple[Float[Tensor, "B *n"], tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]]:
        p, q = state
        q = self.d * (q + p)
        return self.scale * q, (self.d * p + x, q)
