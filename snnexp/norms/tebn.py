"""Temporal effective batch normalisation."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import Cell, Over
from snnexp.layers.batch_norm import BatchNorm
from snnexp.layers.per_step import PerStep
from snnexp.limits import Count, Fraction, Positive
from snnexp.norms.base import Norm


class TEBN(Norm):
    """Batch normalisation over all timesteps together, then a learned weight for every timestep.

        y_t = p_t (gamma (x_t - mean_TBHW) / sqrt(var_TBHW + epsilon) + beta)

    p_t is one number per layer and timestep, 1 at the start: gamma p_t and beta p_t are the scale
    and shift of timestep t, whose mean and deviation may then differ from those of the others.
    Worth choosing in place of norm=bntt where batches are small, since statistics are shared.

    Source: Duan 2022 (TEBN).

    Args:
        timesteps: number of timesteps T that have a weight; running longer is an error.
        momentum: weight of the new batch in the running statistics, in [0, 1].
        epsilon: added to the variance, > 0.
        features: channels or features of the current.
        dimensions: 1 for `[T, B, N]`, 2 for `[T, B, C, H, W]`; statistics are per channel in both.
        branches: branches that meet in one neuron; changes nothing here.
    """

    over_batch: ClassVar[bool] = True
    per_step: ClassVar[bool] = True

    def __init__(
        self,
        timesteps: Count,
        momentum: Fraction,
        epsilon: Positive,
        features: int,
        dimensions: int,
        branches: int,
    ):
        super().__init__()
        self.normalise = PerStep(BatchNorm(features, 1.0, momentum, epsilon))
        self.steps = Over(_Step(timesteps))

    def forward(self, x: Float[Tensor, "T B *m"]) -> Float[Tensor, "T B *m"]:
        return self.steps(self.normalise(x))


class _Step(Cell):
    """The weight of one timestep; the state is its number, which is the same for the whole
    batch.
    """

    def __init__(self, timesteps: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(timesteps))

    def initial(self, x: Float[Tensor, "B *m"]) -> int:
        return 0

    def step(self, x: Float[Tensor, "B *m"], state: int) -> tuple[Float[Tensor, "B *m"], int]:
        if state >= len(self.weight):
            raise ValueError(
                f"norm=tebn has weights for {len(self.weight)} timesteps and was asked for "
                f"timestep {state + 1}; evaluate at most {len(self.weight)} timesteps, train with "
                "more, or choose norm=batch"
            )
        return self.weight[state] * x, state + 1
