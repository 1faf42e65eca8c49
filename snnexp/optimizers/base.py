"""What an optimizer may say of itself."""

import abc
from collections.abc import Callable
from typing import ClassVar

import torch


class Optimizer(torch.optim.Optimizer, abc.ABC):
    """An optimizer of this package; those of torch state nothing, and have what stands here.

    Where modules state learning rates (see `parameter_groups`), the groups that it is given have a
    `rate`, which it leaves in its own.
    """

    by_role: ClassVar[bool] = False
    """Whether it wants to be told which weights are those of hidden layers and of the output."""
    keeps_sizes: ClassVar[bool] = False
    """Whether its steps leave hidden weights their size, which a norm then has to take out."""

    @abc.abstractmethod
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step along the gradients; what `closure`, which is called first, gives."""
