"""Batch normalisation in PyTorch's own operations; equations in norm.py.

What is compiled by PyTorch is written in float64 throughout, since its compiler takes a number that
is rounded and widened again for the number; its loops hold no copy of that size.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.kernels.norm.parameters import Batch, Running


def moments(x: Float[Tensor, "B m *s"]) -> Float[Tensor, "2 m"]:
    """Mean and biased variance per channel, in float64; of no values zero."""
    rows = wide(x.transpose(0, 1).flatten(1))
    if rows.shape[1] == 0:
        return torch.zeros(2, len(rows), dtype=torch.float64, device=x.device)
    if torch.compiler.is_compiling():
        return torch.stack(torch.var_mean(rows.double(), 1, correction=0)[::-1])
    mean = rows.mean(1, dtype=torch.float64).to(rows.dtype)
    near = rows - mean[:, None]
    rest = near.mean(1, dtype=torch.float64)  # what the mean lacks in the dtype of the rows
    return torch.stack(
        [mean.double() + rest, near.square().mean(1, dtype=torch.float64) - rest.square()]
    )


def forward(
    x: Float[Tensor, "B m *s"],
    batch: Batch,
    running: Running,
    gamma: Float[Tensor, " m"],
    beta: Float[Tensor, " m"] | None,
) -> Float[Tensor, "B m *s"]:
    """y, of the dtype of x."""
    if running.mean is not None:
        mean, unbiased = (
            batch.moments[0],
            batch.moments[1] * (batch.count / max(batch.count - 1, 1)),
        )
        running.mean.lerp_(mean.to(running.mean.dtype), running.momentum)
        running.variance.lerp_(unbiased.to(running.variance.dtype), running.momentum)
    scaled = distance(x, batch.moments[0]).mul_(along(gamma * inverse(batch), x))
    return (scaled if beta is None else scaled.add_(along(beta, x))).to(x.dtype)


def products(
    x: Float[Tensor, "B m *s"], g: Float[Tensor, "B m *s"], batch: Batch
) -> Float[Tensor, "2 m"]:
    """sum(g) and sum(g z) per channel, in float64."""
    others = [dimension for dimension in range(x.dim()) if dimension != 1]
    products = wide(g) * distance(x, batch.moments[0])
    return torch.stack(
        [
            g.sum(others, dtype=torch.float64),
            products.sum(others, dtype=torch.float64) * inverse(batch),
        ]
    )


def backward(
    x: Float[Tensor, "B m *s"],
    g: Float[Tensor, "B m *s"],
    batch: Batch,
    gamma: Float[Tensor, " m"],
    sums: Float[Tensor, "2 m"],
) -> Float[Tensor, "B m *s"]:
    """dx, of the dtype of x, from the sums over the whole batch."""
    shift, slope = sums[0] / batch.count, sums[1] / batch.count * inverse(batch)
    dx = (wide(g) - along(shift, x)).sub_(distance(x, batch.moments[0]).mul_(along(slope, x)))
    return dx.mul_(along(gamma * inverse(batch), x)).to(x.dtype)


def inverse(batch: Batch) -> Float[Tensor, " m"]:
    """1 / sqrt(variance + epsilon)."""
    return torch.rsqrt(batch.moments[1] + batch.epsilon)


def distance(x: Float[Tensor, "B m *s"], mean: Float[Tensor, " m"]) -> Float[Tensor, "B m *s"]:
    """x - mean, the mean in two parts so that a difference smaller than both is not that of their
    roundings.
    """
    x = wide(x)
    if torch.compiler.is_compiling():
        return (x.double() - mean.view(1, -1, *[1] * (x.dim() - 2))).to(x.dtype)
    near = mean.to(x.dtype)
    return (x - along(near, x)).sub_(along(mean - near, x))


def wide(x: Tensor) -> Tensor:
    """x in float32 at least."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def along(values: Float[Tensor, " m"], x: Float[Tensor, "B m *s"]) -> Tensor:
    """Values per channel, of the type of x (float32 at least) and in a shape that goes with it."""
    return values.to(torch.promote_types(x.dtype, torch.float32)).view(1, -1, *[1] * (x.dim() - 2))
