"""Batch normalisation with one set of statistics, whoever computes the batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from snnexp.distributed import processes, stacked, total
from snnexp.kernels.norm.dispatch import kernel
from snnexp.kernels.norm.parameters import Batch, Running


class BatchNorm(nn.Module):
    """Batch normalisation per channel, by the statistics of the whole batch while training and by
    running ones afterwards.

        y = gain gamma (x - mean) / sqrt(var + epsilon) + beta
        running = (1 - momentum) running + momentum new,  with the unbiased variance

    Processes that share a batch take its mean and variance together, and so are the gradients that
    go through them: outputs, gradients and running statistics are those of one process, to
    rounding. The fixed gain goes through gamma, which costs no pass over the input.

    Source: Ioffe & Szegedy 2015.

    Args:
        features: channels m.
        gain: fixed factor on gamma, > 0.
        momentum: weight of the new batch in the running statistics, in [0, 1].
        epsilon: added to the variance, > 0.
    """

    def __init__(self, features: int, gain: float, momentum: float, epsilon: float):
        super().__init__()
        self.gain, self.momentum, self.epsilon = gain, momentum, epsilon
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x: Float[Tensor, "B m *s"]) -> Float[Tensor, "B m *s"]:
        gamma = self.gain * self.weight
        return batch_norm(
            x,
            self.running_mean,
            self.running_var,
            gamma,
            self.bias,
            self.training,
            self.momentum,
            self.epsilon,
        )

    def again(self, x: Float[Tensor, "B m *s"]) -> Float[Tensor, "B m *s"]:
        """What `forward` gave for `x` while training, to the last bit; leaves the running
        statistics alone.
        """
        return batch_norm(
            x, None, None, self.gain * self.weight, self.bias, True, 0.0, self.epsilon
        )

    def affine(self) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
        """Scale and shift per channel of the map that evaluation applies."""
        scale = self.gain * self.weight * torch.rsqrt(self.running_var + self.epsilon)
        return scale, self.bias - self.running_mean * scale

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *more: Any) -> None:
        state_dict.pop(
            f"{prefix}num_batches_tracked", None
        )  # which nothing reads; weights of other programs have it
        super()._load_from_state_dict(state_dict, prefix, *more)


def batch_norm(
    x: Float[Tensor, "B m *s"],
    running_mean: Float[Tensor, " m"] | None,
    running_var: Float[Tensor, " m"] | None,
    weight: Float[Tensor, " m"],
    bias: Float[Tensor, " m"] | None,
    training: bool,
    momentum: float,
    epsilon: float,
) -> Float[Tensor, "B m *s"]:
    """`torch.nn.functional.batch_norm`, with the statistics of all processes together, and on the
    CPU with exact ones.

    PyTorch's own sums on the CPU are those of float32, one value after the other where channels are
    the innermost: at a million values per channel a normalised current is off by up to 0.1 of its
    deviation, and differently with every number of threads.
    """
    alone = processes() == 1
    if not training or (alone and _is_exact(x)):
        return functional.batch_norm(
            x, running_mean, running_var, weight, bias, training, momentum, epsilon
        )
    return _Normal.apply(
        x, weight, bias, Running(running_mean, running_var, momentum), epsilon, alone
    )


def _is_exact(x: Tensor) -> bool:
    """Where PyTorch sums in parts, as on CUDA, or where nothing is computed."""
    return x.device.type != "cpu"


@contextmanager
def running_statistics_kept(network: nn.Module) -> Iterator[None]:
    """Within the block norms in training leave their running statistics alone: for what is computed
    a second time.
    """
    norms = {module: module.momentum for module in network.modules() if hasattr(module, "momentum")}
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in norms.items():
            norm.momentum = momentum


def _together(own: Float[Tensor, "2 m"], count: float, epsilon: float) -> Batch:
    """The batch of which this process has `count` values per channel with the moments `own`, and
    the others the rest.

        mean = sum_p n_p mean_p / n,   variance = sum_p n_p (variance_p + (mean_p - mean)^2) / n

    so that nothing cancels (Chan 1979). A process may have no image.
    """
    counts, means, variances = stacked(torch.stack([torch.full_like(own[0], count), *own])).unbind(
        1
    )
    n = counts.sum(0)
    mean = (counts * means).sum(0) / n
    variance = (counts * (variances + (means - mean).square())).sum(0) / n
    return Batch(torch.stack([mean, variance]), float(n[0]), epsilon)


class _Normal(torch.autograd.Function):
    """y = gamma z + beta with z = (x - mean) / deviation, where mean and deviation are functions of
    the x of all processes.

        dL/dx = gamma (g - mean(g) - z mean(g z)) / deviation,   means over all processes
        dL/dgamma = sum(g z),   dL/dbeta = sum(g),               sums over this one's

    Of the size of x it keeps x alone.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gamma: Tensor,
        beta: Tensor | None,
        running: Running,
        epsilon: float,
        alone: bool,
    ) -> Float[Tensor, "B m *s"]:
        passes, batch = kernel(x, gamma), taken(x, gamma, epsilon)
        ctx.save_for_backward(x, gamma, batch.moments)
        ctx.count, ctx.epsilon, ctx.alone, ctx.shifted = (
            batch.count,
            epsilon,
            alone,
            beta is not None,
        )
        return passes.forward(x, batch, running, gamma, beta)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        return *_gradients(ctx, g), None, None, None


def _gradients(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
    x, gamma, moments = ctx.saved_tensors
    passes, batch = kernel(x, gamma), Batch(moments, ctx.count, ctx.epsilon)
    own = passes.products(x, g, batch)
    dx = (
        passes.backward(x, g, batch, gamma, own if ctx.alone else total(own.clone()))
        if ctx.needs_input_grad[0]
        else None
    )
    dbeta, dgamma = own.to(gamma.dtype)
    return dx, dgamma, dbeta if ctx.shifted else None


def taken(x: Float[Tensor, "B m *s"], gamma: Float[Tensor, " m"], epsilon: float) -> Batch:
    """What all processes together say of each channel of their parts `x` of a batch."""
    own, moments = x.numel() / x.shape[1], kernel(x, gamma).moments(x)
    return Batch(moments, own, epsilon) if processes() == 1 else _together(moments, own, epsilon)


def normalised_as(
    x: Float[Tensor, "B m *s"],
    gamma: Float[Tensor, " m"],
    beta: Float[Tensor, " m"],
    batch: Batch,
) -> Float[Tensor, "B m *s"]:
    """`x`, which is the mean over time of what `batch` is of, normalised by the moments of that;
    with gradients as if its moments were those of `x`.
    """
    return _As.apply(x, gamma, beta, batch)


class _As(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, batch: Batch
    ) -> Float[Tensor, "B m *s"]:
        ctx.save_for_backward(x, gamma, batch.moments)
        ctx.count, ctx.epsilon, ctx.alone, ctx.shifted = (
            batch.count,
            batch.epsilon,
            processes() == 1,
            True,
        )
        return kernel(x, gamma).forward(x, batch, Running(None, None, 0.0), gamma, beta)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        return *_gradients(ctx, g), None
