"""Batch normalisation in PyTorch's own operations; equations in norm.py."""

import torch
from jaxtyping import Float
from torch import Tensor


def moments(x: Float[Tensor, "B m *s"]) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
    """Mean and sum of squares about it per channel, in float64; of no values zero."""
    rows = wide(x.transpose(0, 1).flatten(1))
    if rows.shape[1] == 0:
        return torch.zeros(2, len(rows), dtype=torch.float64, device=x.device).unbind(0)
    mean = rows.mean(1, dtype=torch.float64)
    near = rows - mean.to(rows.dtype)[:, None]
    rest = near.mean(1, dtype=torch.float64)  # what the mean lacks in the dtype of the rows
    return mean.to(rows.dtype).double() + rest, near.square().sum(1, dtype=torch.float64) - rows.shape[1] * rest.square()


def forward(
    x: Float[Tensor, "B m *s"],
    mean: Float[Tensor, " m"],
    variance: Float[Tensor, " m"],
    epsilon: float,
    gamma: Float[Tensor, " m"],
    beta: Float[Tensor, " m"] | None,
) -> Float[Tensor, "B m *s"]:
    """y, of the dtype of x."""
    scaled = distance(x, mean).mul_(along(gamma * inverse(variance, epsilon), x))
    return (scaled if beta is None else scaled.add_(along(beta, x))).to(x.dtype)


def products(
    x: Float[Tensor, "B m *s"], g: Float[Tensor, "B m *s"], mean: Float[Tensor, " m"], variance: Float[Tensor, " m"], epsilon: float
) -> Float[Tensor, "2 m"]:
    """sum(g) and sum(g z) per channel, in float64."""
    others = [dimension for dimension in range(x.dim()) if dimension != 1]
    g = wide(g)
    sums = [g.sum(others, dtype=torch.float64), (g * distance(x, mean)).sum(others, dtype=torch.float64) * inverse(variance, epsilon)]
    return torch.stack(sums)


def backward(
    x: Float[Tensor, "B m *s"],
    g: Float[Tensor, "B m *s"],
    mean: Float[Tensor, " m"],
    variance: Float[Tensor, " m"],
    epsilon: float,
    gamma: Float[Tensor, " m"],
    means: Float[Tensor, "2 m"],
) -> Float[Tensor, "B m *s"]:
    """dx, of the dtype of x, from the means of g and of g z over the batch."""
    slope = along(means[1] * inverse(variance, epsilon), x)
    dx = (wide(g) - along(means[0], x)).sub_(distance(x, mean).mul_(slope))
    return dx.mul_(along(gamma * inverse(variance, epsilon), x)).to(x.dtype)


def inverse(variance: Float[Tensor, " m"], epsilon: float) -> Float[Tensor, " m"]:
    """1 / sqrt(variance + epsilon)."""
    return torch.rsqrt(variance + epsilon)


def distance(x: Float[Tensor, "B m *s"], mean: Float[Tensor, " m"]) -> Float[Tensor, "B m *s"]:
    """x - mean, the mean in two parts so that a difference smaller than both is not that of their roundings."""
    x = wide(x)
    near = mean.to(x.dtype)
    return (x - along(near, x)).sub_(along(mean - near, x))


def wide(x: Tensor) -> Tensor:
    """x in float32 at least."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def along(values: Float[Tensor, " m"], x: Float[Tensor, "B m *s"]) -> Tensor:
    """Values per channel, of the type of x (float32 at least) and in a shape that goes with it."""
    return values.to(torch.promote_types(x.dtype, torch.float32)).view(1, -1, *[1] * (x.dim() - 2))
