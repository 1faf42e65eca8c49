"""The shortcut of a residual block that changes shape, without parameters."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Subsample(nn.Module):
    """Takes every `stride`-th pixel and appends `padding` channels of zeros.

    Source: He 2016 (survey [72]), shortcut option A.

    Args:
        stride: distance of the pixels that stay.
        padding: number of channels appended.
    """

    def __init__(self, stride: int, padding: int):
        super().__init__()
        self.stride, self.padding = stride, padding

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.padding))
