"""The passes of batch normalisation over memory, and the choice of the kernel that runs them.

    mean = sum(x) / n,   squares = sum((x - mean)^2)                       `moments`
    y = gamma z + beta   with z = (x - mean) / sqrt(variance + epsilon)    `forward`
    sum(g), sum(g z)                                                       `products`
    dx = gamma (g - mean(g) - z mean(g z)) / sqrt(variance + epsilon)      `backward`

per channel, over all n values of a batch. Sums are taken in float64 from float32 and bfloat16 alike: added one after the other in
float32, a million values of a few different sizes round all one way, and a normalised current is off by a tenth of its deviation.
Their last bits depend neither on the number of threads nor on anything else but the values and their layout.
"""

from types import ModuleType

import torch
from torch import Tensor

from snnexp.kernels import compiled, norm_compiled, norm_fallback


def kernel(x: Tensor) -> ModuleType:
    """The module with `moments`, `forward`, `products` and `backward` for tensors like `x`, `[B, m, *s]`."""
    fitting = x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16) and x.numel() > 0
    return norm_compiled if fitting and compiled.library() is not None else norm_fallback
