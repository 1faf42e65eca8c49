"""The passes of batch normalisation over memory, and the choice of the kernel that runs them.

    mean = sum(x) / n,   variance = sum((x - mean)^2) / n                  `moments`
    y = gamma z + beta  with z = (x - mean) / sqrt(variance + epsilon)
        `forward`, which keeps running statistics too
    sum(g), sum(g z)                                                       `products`
    dx = gamma (g - sum(g) / n - z sum(g z) / n) / sqrt(variance + epsilon)    `backward`

per channel, over all n values of a batch. Sums are taken in float64 from float32 and bfloat16
alike: added one after the other in float32, a million values of a few different sizes round all one
way, and a normalised current is off by a tenth of its deviation. Their last bits depend neither on
the number of threads nor on anything else but the values and their layout.
"""

from types import ModuleType

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.kernels.norm import c as norm_compiled
from snnexp.kernels.norm import torch as norm_fallback
from snnexp.kernels.scan import c as compiled


def kernel(x: Float[Tensor, "B m *s"], gamma: Float[Tensor, " m"]) -> ModuleType:
    """The module with `moments`, `forward`, `products` and `backward` for such tensors.

    The shift and the running statistics are parameters and buffers of one module with gamma: of its
    type, and contiguous as it is.
    """
    fitting = (
        x.dtype in (torch.float32, torch.bfloat16) and x.device.type == "cpu" and x.numel() > 0
    )
    fitting = fitting and gamma.dtype == torch.float32 and gamma.is_contiguous()
    if (
        torch.compiler.is_compiling() or not fitting
    ):  # the compiler of PyTorch reads its own operations
        return norm_fallback
    return norm_compiled if compiled.library() is not None else norm_fallback
