"""Low-pass filtered spike trains as activations: the count form of leaky neurons."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from snnexp.cell import is_static
from snnexp.kernels.layout import once
from snnexp.neurons.traced import TracedNeuron


class Trace:
    """A spike train as its low-pass filtered value at the end: sum over spikes of decay^(timesteps
    since).

    Args:
        decay: what is left of a spike after a timestep, the leak of the neurons.
    """

    def __init__(self, decay: float):
        self.decay = decay
        self.trace: Tensor | float = 0.0

    def add(self, spikes: Float[Tensor, "T B *n"]) -> None:
        """Takes the next timesteps."""
        dtype, steps = torch.promote_types(spikes.dtype, torch.float32), len(spikes)
        left = self.decay ** torch.arange(steps - 1, -1, -1, dtype=dtype, device=spikes.device)
        recent = (
            once(spikes).to(dtype) * left.sum()
            if is_static(spikes)
            else torch.tensordot(left, spikes.to(dtype), dims=1)
        )
        self.trace = self.trace * self.decay**steps + recent

    def value(self) -> Float[Tensor, "1 B *n"]:
        """The signal of all timesteps so far."""
        return self.trace[None]


def full_trace(decay: float, timesteps: int) -> float:
    """The trace that a neuron has left which fired at every timestep."""
    return sum(decay**since for since in range(timesteps))


class LowPass(nn.Module):
    """The membrane potential without its discontinuities: spikes in and out both low-pass filtered.

        z_i = sum_k w_ik x_k                      x_k, a_i traces of input and own spikes at the end
        a_i = z_i / threshold_i - inhibition sum_(j != i) a_j  the potential itself counted as noise
        dL/dz_i = (e_i - q sum_j e_j) / (threshold_i (1 - inhibition)),
            q = inhibition / (1 + inhibition (n - 1))
        dL/dthreshold_i = -(e_i / threshold_i) (a_i + inhibition sum_(j != i) a_j)
        e_i = dL/da_i sqrt(N / n) / rms(g),  g_i = 1 / threshold_i

    Sums run over the n of N neurons that fired (a > 0); those that did not get no error. A layer is
    what inhibits one another. With e the error is normalised: what reaches z_i has the factor g_i /
    rms(g) in place of g_i, so that neither the size of thresholds nor how few fired changes its
    size. Output neurons get their error whether they fired or not. What would have a neuron that
    fired at every timestep fire more, which it cannot, is no error (e = 0): it would drive a layer
    to its limit for good.

    Source: Lee 2016 (survey [44]).

    Args:
        neuron: leaky neurons with lateral inhibition, those of the spiking form.
        output: whether they are the output of the network.
        normalise: whether errors are normalised; if not, e = dL/da.
        limit: trace of a neuron that fires at every timestep, > 0.
        pull: step rho with which thresholds of the neurons of a linear layer that fired rise and
            all fall by as much together, >= 0.
    """

    def __init__(
        self, neuron: TracedNeuron, output: bool, normalise: bool, limit: float, pull: float
    ):
        super().__init__()
        self.neuron = neuron
        self.output = output
        self.normalise = normalise
        self.limit = limit
        self.pull = pull

    def forward(
        self, z: Float[Tensor, "1 B *m"], measured: Float[Tensor, "1 B *m"]
    ) -> Float[Tensor, "1 B *m"]:
        threshold = self.neuron.threshold_of(z[0])
        reached = torch.ones_like(measured) if self.output else measured > 0
        full = measured >= self.limit * (1 - 1e-6)
        activation = _LowPass.apply(
            z,
            threshold,
            measured.to(z.dtype),
            reached,
            full,
            self.neuron.inhibition,
            self.normalise,
        )
        if self.training and self.pull and z.dim() == 3:
            self._share_out(measured[0] > 0)
        return activation

    @torch.no_grad()
    def _share_out(self, fired: Tensor) -> None:
        """Thresholds of neurons that fire rise at the cost of the others; their sum stays."""
        share = fired.float().mean(0)
        # Autograd has kept the thresholds from before, with which this batch was computed.
        self.neuron.shift(self.pull * (len(share) * share - share.sum()))


class _LowPass(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        z: Tensor,
        threshold: Tensor,
        measured: Tensor,
        reached: Tensor,
        full: Tensor,
        *rule: Any,
    ) -> Tensor:
        ctx.save_for_backward(threshold, measured, reached, full)
        ctx.inhibition, ctx.normalise = rule
        return measured.view_as(z)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        threshold, a, reached, full = ctx.saved_tensors
        fired = reached.to(grad.dtype)
        active = fired.sum(2, keepdim=True).clamp(min=1)  # of the neurons that inhibit one another
        e = torch.where(full, grad.clamp(min=0), grad) * fired
        if ctx.normalise:
            e = e * (a.shape[2] / active).sqrt() / threshold.reciprocal().square().mean().sqrt()
        spread = (
            ctx.inhibition / (1 + ctx.inhibition * (active - 1)) * e.sum(2, keepdim=True) * fired
        )
        z_grad = (e - spread) / (threshold * (1 - ctx.inhibition))
        pressed = a + ctx.inhibition * (a.sum(2, keepdim=True) - a)
        threshold_grad = -(e / threshold * pressed).sum_to_size(threshold.shape)
        return z_grad, threshold_grad, None, None, None, None, None
