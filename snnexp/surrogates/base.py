"""What every surrogate is: an exact step forward, a chosen slope backward."""

import abc
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Surrogate(nn.Module, abc.ABC):
    """The step function of a neuron with a finite slope in place of its derivative.

        s = 1[z >= 0]                                             forward
        dL/dz = dL/ds slope(z)                                    backward

    `z` is the potential minus the threshold. A new surrogate states its slope and nothing else.

    Source: Neftci 2019 (survey [9]); survey Fig. 3.
    """

    shape: ClassVar[str | None] = None
    """Name of a slope `scale * shape(z / width)` that fused kernels know; None for a slope of one's
    own.
    """

    @abc.abstractmethod
    def slope(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """Derivative of the spike by the potential that the backward pass uses."""

    def forward(self, z: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return _Step.apply(z, self)


class _Step(torch.autograd.Function):
    """The step function and its surrogate derivative."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(z)
        ctx.surrogate = surrogate
        return (z >= 0).to(z.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (z,) = ctx.saved_tensors
        return grad * ctx.surrogate.slope(z), None
