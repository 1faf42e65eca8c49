"""Spike counts as activations: the count form of integrate-and-fire neurons."""

from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from snnexp.cell import Cell, is_static
from snnexp.kernels.layout import once, rows


class Mean:
    """What a spike train amounts to where only its count matters: the mean per timestep, amplitude
    times count / T.
    """

    def __init__(self) -> None:
        self.total: Tensor | int = 0
        self.steps = 0

    def add(self, spikes: Float[Tensor, "T B *n"]) -> None:
        """Takes the next timesteps."""
        spikes = spikes.to(
            torch.promote_types(spikes.dtype, torch.float32)
        )  # sums in half precision would round
        self.total = self.total + (
            once(spikes) * len(spikes) if is_static(spikes) else _summed(spikes)
        )
        self.steps += len(spikes)

    def value(self) -> Float[Tensor, "1 B *n"]:
        """The signal of all timesteps so far."""
        return (self.total / self.steps)[None]


def _summed(spikes: Float[Tensor, "T B *n"]) -> Float[Tensor, "B *n"]:
    """The sum over time, taken over storage as it lies, which is several times faster than over
    channels.
    """
    x = rows(spikes)
    total = x.as_strided((len(x), x[0].numel()), (x.stride(0), 1), x.storage_offset()).sum(0)
    return total.as_strided(x.shape[1:], x.stride()[1:])


class SpikeCount(nn.Module):
    """Spike counts as activations, whose gradient passes straight through where the current is
    positive.

        c_j = sum_t s_j(t),  x_j = amplitude c_j / T                  measured on the spiking form
        z_i = sum_j w_ij x_j + b_i
            current per timestep on average, so that the sum over time is T z
        dx_i/dz_i = amplitude / threshold 1[z_i > 0 or output]
            since c threshold = T z but for what is left on the membrane

    Counts and sums over time differ from these means by the factor T alone. A bias that acts at
    every timestep is part of z once: in terms of counts it is b / T per timestep. Output neurons
    get their gradient whatever the sign: one that is silent could never begin to fire for its class
    otherwise.

    Source: Wu 2019 (survey [46]), survey Eq. 3, 4 and 6; with a norm Wu 2023, tandem learning
    (survey [76]).

    Args:
        neuron: integrate-and-fire neurons with soft reset, those of the spiking form.
        output: whether they are the output of the network.
        saturation: what reaches a neuron that fired at every timestep, whose count no current can
            raise: "pass", every gradient, as the equations have it; "lower", those alone that would
            have it fire less. Without a norm, gradients that pass can drive a layer to its limit
            for good.
    """

    def __init__(self, neuron: Cell, output: bool, saturation: Literal["pass", "lower"] = "pass"):
        super().__init__()
        self.firing = neuron.firing
        self.output = output
        self.saturation = saturation

    def forward(
        self, z: Float[Tensor, "1 B *m"], measured: Float[Tensor, "1 B *m"] | None
    ) -> Float[Tensor, "1 B *m"]:
        slope = 1.0 if self.firing.amplitude == "threshold" else 1.0 / float(self.firing.threshold)
        if measured is None:
            return slope * (z if self.output else z.relu())
        limit = self._amplitude() if self.saturation == "lower" and not self.output else None
        return _StraightThrough.apply(z, measured, slope, self.output, limit)

    def _amplitude(self) -> float:
        return float(self.firing.threshold) if self.firing.amplitude == "threshold" else 1.0


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, z: Tensor, measured: Tensor, slope: float, output: bool, limit: float | None
    ) -> Tensor:
        # All that is kept: a byte per neuron for each.
        passing: Bool[Tensor, "1 B *m"] | None = None if output else z > 0
        full: Bool[Tensor, "1 B *m"] | None = (
            None if limit is None else (measured >= limit * (1 - 1e-6)).view_as(z)
        )
        ctx.save_for_backward(passing, full)
        ctx.slope = slope
        return measured.to(z.dtype).view_as(z)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        passing, full = ctx.saved_tensors
        grad = grad if passing is None else grad * passing
        grad = grad if full is None else torch.where(full, grad.clamp(min=0), grad)
        return ctx.slope * grad, None, None, None, None
