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
    """`torch.nn.functional.batch_norm`, with the statistics of all processes together."""
    if not training or processes() == 1:
        return functional.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, epsilon)
    mean, variance, count = _moments(x.detach())
    if running_mean is not None:
        running_mean.lerp_(mean.to(running_mean.dtype), momentum)
        running_var.lerp_((variance * (count / (count - 1).clamp(min=1))).to(running_var.dtype), momentum)
    beta = torch.zeros_like(weight) if bias is None else bias
    return _Normal.apply(x, weight, beta, mean, torch.rsqrt(variance + epsilon), count)


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


def _moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and biased variance per channel over all processes, and the number of values per channel, in float64.

        mean = sum_p n_p mean_p / n,   var = sum_p (M_p + n_p (mean_p - mean)^2) / n

    with M_p the sum of squares of process p about its own mean (Chan 1979), so that nothing cancels.
    """
    rows = _exact(x.transpose(0, 1).flatten(1))
    own = rows.mean(1).nan_to_num()  # a process may have no image
    squares = (rows - own[:, None]).square().sum(1)
    counts, means, squares = stacked(torch.stack([torch.full_like(own, rows.shape[1]), own, squares]).double()).unbind(1)
    n = counts.sum(0)
    mean = (counts * means).sum(0) / n
    return mean, (squares + counts * (means - mean).square()).sum(0) / n, n


class _Normal(torch.autograd.Function):
    """y = gamma n + beta with n = (x - mean) / deviation, where mean and deviation are functions of the x of all processes.

        dL/dx = gamma (g - mean(g) - n mean(g n)) / deviation,   means over all processes
        dL/dgamma = sum(g n),   dL/dbeta = sum(g),               sums over this one's

    Of the size of x it keeps x alone.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, inverse: Tensor, count: Tensor) -> Tensor:
        ctx.save_for_backward(x, gamma, mean, inverse, count)
        normal = _normal(x, mean, inverse)
        return (normal.mul_(_along(gamma, normal)).add_(_along(beta, normal))).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, gamma, mean, inverse, count = ctx.saved_tensors
        normal, gradient = _normal(x, mean, inverse), _exact(gradient)
        others = [dimension for dimension in range(x.dim()) if dimension != 1]
        own = torch.stack([gradient.sum(others), (gradient * normal).sum(others)]).double()
        shift, slope = (_along(each / count, normal) for each in total(own.clone()))
        dx = (gradient - shift - normal.mul_(slope)).mul_(_along(inverse * gamma, normal))
        return dx.to(x.dtype), own[1].to(gamma.dtype), own[0].to(gamma.dtype), None, None, None


def _normal(x: Tensor, mean: Tensor, inverse: Tensor) -> Tensor:
    x = _exact(x)
    return (x - _along(mean, x)) * _along(inverse, x)


def _exact(x: Tensor) -> Tensor:
    """x in float32 at least."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _along(values: Tensor, x: Tensor) -> Tensor:
    """Values per channel, of the type of x and in a shape that goes with it."""
    return values.to(x.dtype).view(1, -1, *[1] * (x.dim() - 2))
