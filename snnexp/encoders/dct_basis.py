"""The images a block is a sum of under the discrete cosine transform."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def zigzag(block: int) -> list[tuple[int, int]]:
    """Frequencies (row, column) of a block from coarse to fine: along the anti-diagonals, turning
    round at each end.
    """
    every = [(m, n) for m in range(block) for n in range(block)]
    return sorted(every, key=lambda mn: (sum(mn), mn[0] if sum(mn) % 2 else mn[1]))


def basis(block: int) -> Float[Tensor, "K block block"]:
    """The orthonormal basis images of a block in zig-zag order, K = block^2.

    Q_0j = sqrt(1 / B),  Q_ij = sqrt(2 / B) cos((2 j + 1) i pi / (2 B)),  image (m, n) = q_m^T q_n
    """
    i, j = torch.meshgrid(*[torch.arange(block, dtype=torch.float64)] * 2, indexing="ij")
    q = math.sqrt(2 / block) * torch.cos((2 * j + 1) * i * math.pi / (2 * block))
    q[0] = math.sqrt(1 / block)
    return torch.stack([torch.outer(q[m], q[n]) for m, n in zigzag(block)])
