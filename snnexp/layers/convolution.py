"""Convolutions whose gradients stay within their memory."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d`; one of a 1 x 1 kernel with a stride takes every s-th pixel first, and is
    then one of stride 1.

    It is the same map of the same weights. oneDNN 3.12, which PyTorch 2.14 takes on the CPU, writes
    past the end of its memory in the gradient of such weights from 2 to 6 channels, on processors
    with AVX2 and no AVX-512: processes die of it, somewhere later.
    """

    def _conv_forward(
        self, x: Float[Tensor, "B C H W"], weight: Tensor, bias: Tensor | None
    ) -> Float[Tensor, "B D h w"]:
        if self.kernel_size != (1, 1) or self.stride == (1, 1) or self.padding != (0, 0):
            return super()._conv_forward(x, weight, bias)
        down, right = self.stride
        return functional.conv2d(x[:, :, ::down, ::right], weight, bias, groups=self.groups)
