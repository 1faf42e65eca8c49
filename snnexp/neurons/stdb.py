"""Neuron whose surrogate derivative fades with the time since its last spike."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.cell import at_rest
from snnexp.limits import Fraction, NonNegative, Positive
from snnexp.neurons.base import Neuron
from snnexp.neurons.dynamics import Dynamics
from snnexp.neurons.firing import Order
from snnexp.neurons.threshold import Threshold

NEVER = 1000.0
"""Timesteps that a neuron which has not fired yet counts as silent."""


class STDB(Neuron):
    """Leaky integrate-and-fire neuron for spike-timing-dependent backpropagation.

        u = leak v + x                                            charge
        s = 1[u / threshold - 1 >= 0]                             fire
        v = u - threshold s                                       reset
        ds/du = scale exp(-decay silence) / threshold   backward, at any distance from the threshold

    `silence` is the number of timesteps since the neuron's last spike, 1000 before its first. In
    the reset s counts as a constant. With `order=fire_before` v fires in place of u and v = leak v
    + x - threshold s. The state is (v, silence).

    Source: Rathi 2020 (survey [66]), with alpha = scale and beta = decay.

    Args:
        leak: share of the potential kept from one timestep to the next, in [0, 1].
        order: whether the input of a timestep charges before (fire_after) or after (fire_before)
            the neuron fires.
        threshold: potential at which a spike is fired, > 0, in units of the input current.
        initial_potential: potential before the first timestep, in [0, 1], as a fraction of the
            threshold.
        scale: slope right after a spike, > 0, in spikes per threshold.
        decay: rate at which the slope fades, >= 0, per timestep of silence.
    """

    def __init__(
        self,
        leak: Fraction,
        order: Order,
        threshold: Positive,
        initial_potential: Fraction,
        scale: Positive,
        decay: NonNegative,
    ):
        super().__init__()
        self.leak = leak
        self.order = order
        self.scale = scale
        self.decay = decay
        self.threshold = Threshold(threshold, initial_potential)

    def initial(
        self, x: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        return at_rest(x, self.threshold.initial_potential), at_rest(x, NEVER)

    def step(
        self, x: Float[Tensor, "B *n"], state: tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]
    ) -> tuple[Float[Tensor, "B *n"], tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]]:
        v, silence = state
        charged = self.leak * v + x.to(v.dtype)
        s = _Step.apply(
            (v if self.order == "fire_before" else charged) / self.threshold.value - 1,
            silence,
            self.scale,
            self.decay,
        )
        fired = s.detach()
        return s, (charged - self.threshold.value * fired, silence * (1 - fired) + 1)

    def dynamics(self) -> Dynamics:
        """What it does, in numbers; its silence is one of the backward pass alone."""
        return Dynamics(
            leak=self.leak,
            gain=1.0,
            threshold=float(self.threshold.value),
            reset="soft",
            height=1.0,
            order=self.order,
            initial_potential=self.threshold.initial_potential,
        )

    def set_threshold(self, value: float, initial_potential: Fraction) -> None:
        """Changes the threshold, and with it the potential at the start, given as a fraction of the
        threshold.
        """
        self.threshold.set(value, initial_potential)

    def charge(self, potential: Float[Tensor, "*n"]) -> None:
        """Adds to the potential at the start, which may then be another for each neuron."""
        self.threshold.charge(potential)


class _Step(torch.autograd.Function):
    """The step function, with a derivative that depends on the silence before instead of on the
    potential.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, silence: Tensor, scale: float, decay: float) -> Tensor:
        ctx.save_for_backward(silence)
        ctx.scale, ctx.decay = scale, decay
        return (z >= 0).to(z.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (silence,) = ctx.saved_tensors
        return grad * ctx.scale * (-ctx.decay * silence).exp(), None, None, None
