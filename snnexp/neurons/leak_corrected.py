"""Leaky integrate-and-fire neuron whose gradient is corrected for the leak afterwards."""

import copy
import math
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import stepwise
from snnexp.limits import Interval, Positive
from snnexp.neurons.lif import LIF


class LeakCorrected(LIF):
    """A leaky neuron that is trained as if it did not leak, by a factor that makes up for the leak.

        u = leak v + x                                                charge
        s = 1[u >= threshold]                                         fire
        v = u (1 - s)                                                 reset

    The backward pass takes the leak as 1 and the s in the reset as a constant, and multiplies what
    arrives at the spikes of a neuron, at every timestep, with one factor of all its spikes:

        F = 1[a > floor] + ln(leak) a / n                             correction
        a = sum_t leak^(T - t) s_t,   n = sum_t s_t  (1 where it is 0)

    a is what a leaky integrator has left of its T timesteps of spikes, so that ln(leak) a / n is
    how fast that falls for each spike. A neuron that has not fired gets no gradient. Needs all
    timesteps at once: no segments of time. To be chosen to train through many timesteps with a leak
    near 1, with `surrogate=fired` as published; `neuron=lif` has the exact gradient of the leak.

    Source: Lee 2020 (survey [53]). There neurons leak after the reset: the same spikes. Neurons
    behind a pool that fires (`FP2`) have no leak there, and no correction; see `pooling`. A fused
    scan over time runs it as it does `LIF`.

    Args:
        leak: share of the potential kept from one timestep to the next, in (0, 1].
        threshold: potential at which a spike is fired, > 0, in units of the input current.
        floor: what has to be left of a neuron's spikes for it to count as one that fires, >= 0.
        pool_slope: factor on the surrogate's slope in neurons behind a pool that fires, > 0. A pool
            `FP2t0.8` divides its current by 0.8: with 0.8 the slope is that by the current itself.
        surrogate: potential minus threshold to spikes, with a slope for the backward pass.
    """

    leaks: ClassVar[bool] = True
    own_gradient: ClassVar[bool] = True

    def __init__(
        self,
        leak: Annotated[float, Interval(0.0, 1.0, low_open=True)],
        threshold: Positive,
        floor: Annotated[float, Interval(0.0)],
        pool_slope: Positive,
        surrogate: nn.Module,
    ):
        super().__init__(
            leak=leak,
            input_gain="one",
            leak_gradient="straight_through",
            order="fire_after",
            threshold=threshold,
            reset="hard",
            detach_reset=True,
            initial_potential=0.0,
            amplitude="unit",
            surrogate=surrogate,
        )
        self.floor = floor
        self.pool_slope = pool_slope
        self.share = 1.0  # of the gradient, before the correction

    def pooling(self) -> "LeakCorrected":
        """The neuron behind a pool that fires: without leak, so that there is nothing to correct,
        and with `pool_slope` as a factor on its gradient.
        """
        pool = copy.deepcopy(self)
        pool.leak, pool.share = 1.0, self.pool_slope
        return pool

    def through(
        self, x: Float[Tensor, "T B *n"], state: Float[Tensor, "B *n"], count: bool
    ) -> tuple[Float[Tensor, "T B *n"], Float[Tensor, "B *n"], Float[Tensor, "B *n"] | None] | None:
        """All timesteps, and behind them the correction, where gradients are taken."""
        whole = super().through(x, state, count)
        if not torch.is_grad_enabled():
            return whole
        y, state, counts = (*stepwise(self, x, state), None) if whole is None else whole
        return _Corrected.apply(y, self.correction(y.detach())), state, counts

    def correction(self, y: Float[Tensor, "T B *n"]) -> Float[Tensor, "B *n"]:
        """The factor F on the gradient of all spikes of a neuron, out of these spikes."""
        left = torch.zeros_like(y[0], dtype=torch.promote_types(y.dtype, torch.float32))
        for s in y.unbind(0):
            left.mul_(self.leak).add_(s)
        fired, spikes = (left > self.floor).to(left.dtype), y.sum(0, dtype=left.dtype)
        return self.share * (fired + math.log(self.leak) * left / spikes.clamp(min=1))


class _Corrected(torch.autograd.Function):
    """Hands values on as they are, and their gradient times a factor."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(factor)
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (factor,) = ctx.saved_tensors
        return (grad * factor).to(grad.dtype), None  # a factor near 1 has to keep its last digits
