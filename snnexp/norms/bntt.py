"""Batch normalisation through time."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import Cell, Over
from snnexp.layers.batch_norm import batch_norm
from snnexp.limits import Count, Fraction, Positive
from snnexp.norms.base import Norm


class BNTT(Norm):
    """Batch normalisation with statistics and a scale of its own for every timestep, and no shift.

        y_t = gamma_t (x_t - mean_t) / sqrt(var_t + epsilon)

    A scale that has become small says that its timestep adds little: where the scales of all layers
    have, the network may stop (`early_exit` of a result).

    Source: Kim & Panda 2021 (survey [67]).

    Args:
        timesteps: number of timesteps T that have statistics; running longer is an error.
        exit_scale: mean size of a layer's scales below which it has nothing to add, > 0; None for a
            result without an early exit. The outputs do not depend on it.
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
        exit_scale: Positive | None,
        momentum: Fraction,
        epsilon: Positive,
        features: int,
        dimensions: int,
        branches: int,
    ):
        super().__init__()
        self.exit_scale = exit_scale
        self.steps = Over(_Step(timesteps, features, momentum, epsilon))

    def forward(self, x: Float[Tensor, "T B *m"]) -> Float[Tensor, "T B *m"]:
        return self.steps(x)

    def sizes(self) -> Float[Tensor, " T"]:
        """The mean size of the scales of every timestep."""
        return self.steps.cells[0].weight.detach().abs().mean(1)


class _Step(Cell):
    """One timestep; the state is its number, a plain integer because it is the same for the whole
    batch.
    """

    def __init__(self, timesteps: int, features: int, momentum: float, epsilon: float):
        super().__init__()
        self.momentum, self.epsilon = momentum, epsilon
        self.weight = nn.Parameter(torch.ones(timesteps, features))
        self.register_buffer("running_mean", torch.zeros(timesteps, features))
        self.register_buffer("running_var", torch.ones(timesteps, features))

    def initial(self, x: Float[Tensor, "B *m"]) -> int:
        return 0

    def step(self, x: Float[Tensor, "B *m"], state: int) -> tuple[Float[Tensor, "B *m"], int]:
        if state >= len(self.weight):
            raise ValueError(
                f"norm=bntt has statistics for {len(self.weight)} timesteps and was asked for "
                f"timestep {state + 1}; "
                f"evaluate at most {len(self.weight)} timesteps, train with more, or choose "
                "norm=batch"
            )
        mean, var = self.running_mean[state], self.running_var[state]
        return batch_norm(
            x, mean, var, self.weight[state], None, self.training, self.momentum, self.epsilon
        ), state + 1
