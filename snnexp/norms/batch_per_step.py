"""Batch normalisation with the statistics of each timestep."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import Cell, Over
from snnexp.layers.batch_norm import BatchNorm
from snnexp.limits import Fraction, Positive
from snnexp.norms.base import Norm


class BatchPerStep(Norm):
    """One batch normalisation applied at every timestep with that step's statistics; affine and
    running statistics are shared.

        y_t = gamma (x_t - mean_BHW(x_t)) / sqrt(var_BHW(x_t) + epsilon) + beta

    The running statistics take in every step of a changing current, and the one step of a current
    that does not change. Source: Fang 2021 (survey [56]).

    Args:
        momentum: weight of the new step in the running statistics, in [0, 1].
        epsilon: added to the variance, > 0.
        features: channels or features of the current.
        dimensions: 1 for `[T, B, N]`, 2 for `[T, B, C, H, W]`.
        branches: branches that meet in one neuron; changes nothing here.
    """

    over_batch: ClassVar[bool] = True

    def __init__(
        self, momentum: Fraction, epsilon: Positive, features: int, dimensions: int, branches: int
    ):
        super().__init__()
        self.steps = Over(_Step(BatchNorm(features, 1.0, momentum, epsilon)))

    def forward(self, x: Float[Tensor, "T B *m"]) -> Float[Tensor, "T B *m"]:
        return self.steps(x)


class _Step(Cell):
    """A stateless module as a cell."""

    memoryless = True

    def __init__(self, normalise: nn.Module):
        super().__init__()
        self.normalise = normalise

    def initial(self, x: Float[Tensor, "B *m"]) -> tuple[()]:
        return ()

    def step(
        self, x: Float[Tensor, "B *m"], state: tuple[()]
    ) -> tuple[Float[Tensor, "B *m"], tuple[()]]:
        return self.normalise(x), state
