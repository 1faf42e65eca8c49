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
from snnexp.kernels.norm import kernel


class BatchNorm(nn.Module):
    """Batch normalisation per channel, by the statistics of the whole batch while training and by running ones afterwards.

        y = gain gamma (x - mean) / sqrt(var + epsilon) + beta
        running = (1 - momentum) running + momentum new,  with the unbiased variance

    Processes that share a batch take its mean and variance together, and so are the gradients that go through them: outputs, gradients
    and running statistics are those of one process, to rounding. The fixed gain goes through gamma, which costs no pass over the input.

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
        return batch_norm(x, self.running_mean, self.running_var, gamma, self.bias, self.training, self.momentum, self.epsilon)

    def again(self, x: Float[Tensor, "B m *s"]) -> Float[Tensor, "B m *s"]:
        """What `forward` gave for `x` while training, to the last bit; leaves the running statistics alone."""
        return batch_norm(x, None, None, self.gain * self.weight, self.bias, True, 0.0, self.epsilon)

    def affine(self) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
        """Scale and shift per channel of the map that evaluation applies."""
        scale = self.gain * self.weight * torch.rsqrt(self.running_var + self.epsilon)
        return scale, self.bias - self.running_mean * scale

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *more: Any) -> None:
        state_dict.pop(f"{prefix}num_batches_tracked", None)  # which nothing reads; weights of other programs have it
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
    """`torch.nn.functional.batch_norm`, with the statistics of all processes together, and on the CPU with exact ones.

    PyTorch's own sums on the CPU are those of float32, one value after the other where channels are the innermost: at a million values
    per channel a normalised current is off by up to 0.1 of its deviation, and differently with every number of threads.
    """
    if not training or _is_exact(x):
        return functional.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, epsilon)
    mean, squares, count = _moments(x.detach())
    if running_mean is not None:
        running_mean.lerp_(mean.to(running_mean.dtype), momentum)
        running_var.lerp_((squares / max(count - 1, 1)).to(running_var.dtype), momentum)
    return _Normal.apply(x, weight, bias, mean, squares / count, count, epsilon)


def _is_exact(x: Tensor) -> bool:
    """Where PyTorch sums in parts, as on CUDA and in what it compiles, or nothing is computed; several processes it does not know."""
    return processes() == 1 and (x.device.type != "cpu" or torch.compiler.is_compiling())


@contextmanager
def running_statistics_kept(network: nn.Module) -> Iterator[None]:
    """Within the block norms in training leave their running statistics alone: for what is computed a second time."""
    norms = {module: module.momentum for module in network.modules() if hasattr(module, "momentum")}
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in norms.items():
            norm.momentum = momentum


def _moments(x: Tensor) -> tuple[Tensor, Tensor, float]:
    """Mean and sum of squares about it per channel over all processes, in float64, and the number of values per channel.

        mean = sum_p n_p mean_p / n,   squares = sum_p (squares_p + n_p (mean_p - mean)^2)

    with squares_p about the mean of process p (Chan 1979), so that nothing cancels. A process may have no image.
    """
    mean, squares = kernel(x).moments(x)
    own = x.numel() / x.shape[1]
    if processes() == 1:
        return mean, squares, own
    counts, means, each = stacked(torch.stack([torch.full_like(mean, own), mean, squares])).unbind(1)
    n = counts.sum(0)
    mean = (counts * means).sum(0) / n
    return mean, (each + counts * (means - mean).square()).sum(0), float(n[0])


class _Normal(torch.autograd.Function):
    """y = gamma z + beta with z = (x - mean) / deviation, where mean and deviation are functions of the x of all processes.

        dL/dx = gamma (g - mean(g) - z mean(g z)) / deviation,   means over all processes
        dL/dgamma = sum(g z),   dL/dbeta = sum(g),               sums over this one's

    Of the size of x it keeps x alone.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor | None, mean: Tensor, variance: Tensor, count: float, epsilon: float
    ) -> Tensor:
        ctx.save_for_backward(x, gamma, mean, variance)
        ctx.count, ctx.epsilon, ctx.shifted = count, epsilon, beta is not None
        return kernel(x).forward(x, mean, variance, epsilon, gamma, beta)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, gamma, mean, variance = ctx.saved_tensors
        passes = kernel(x)
        own = passes.products(x, g, mean, variance, ctx.epsilon)
        means = total(own.clone()) / ctx.count
        dx = passes.backward(x, g, mean, variance, ctx.epsilon, gamma, means) if ctx.needs_input_grad[0] else None
        return dx, own[1].to(gamma.dtype), own[0].to(gamma.dtype) if ctx.shifted else None, None, None, None, None
