"""Plain PyTorch modules applied to all timesteps in one call."""

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import is_static
from snnexp.kernels.layout import once


class PerStep(nn.Sequential):
    """Applies stateless modules to every timestep at once by folding time into the batch: `[T, B, *n] -> [T, B, *m]`.

    An input that does not change with time (stride 0) is computed once and expanded again, so a static current costs one step, not T.
    Batch statistics are taken over time and batch together.
    """

    def forward(self, x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *m"]:
        if is_static(x):
            y = super().forward(once(x))
            return y.expand(len(x), *y.shape)
        return super().forward(x.flatten(0, 1)).unflatten(0, x.shape[:2])
