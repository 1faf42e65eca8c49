"""Direct encoding of whitened patches."""

import math
from itertools import product

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from snnexp.encoders.base import Encoder
from snnexp.limits import Count, Positive


class Whitening(Encoder):
    """Feeds how much of each principal component a patch has, or lacks, as constant real currents.

        v_i, lambda_i
            eigenvectors and eigenvalues of E[p p'] over the patches p of training images,
                [C kernel^2] each
        x_i(t) = max(0, v_i p / sqrt(lambda_i + epsilon)),
            x_(D+i)(t) = max(0, -v_i p / sqrt(lambda_i + epsilon)),  D = C kernel^2

    at every place of a patch, without padding. It is the first layer of a network whose weights
    need no training: the inputs of the next are uncorrelated and of one size, so that training gets
    on sooner; worth choosing where epochs are few. What is computed on real values here is computed
    once per image, as the first layer behind any direct encoding is.

    Source: Page 2018 and Jordan 2024, who let a ReLU or GELU follow the filters and their
    negatives.

    Args:
        kernel: side of a patch in pixels, >= 1.
        epsilon: added to the eigenvalues, > 0, so that what is hardly there is not blown up.
        latest: where spike times are asked for, that of the value 0, > 0; the largest value seen in
            calibration comes at 0.
        channels: of the images, >= 1.

    Raises:
        ValueError: images of another number of channels, or smaller than a patch.
        RuntimeError: used before `calibrate`.
    """

    spiking = False

    def __init__(self, kernel: Count, epsilon: Positive, latest: Positive, channels: Count):
        super().__init__()
        self.kernel, self.epsilon, self.latest, self.channels = kernel, epsilon, latest, channels
        size = channels * kernel * kernel
        self.register_buffer("filters", torch.zeros(size, channels, kernel, kernel))
        self.register_buffer("largest", torch.tensor(0.0))

    def forward(
        self, images: Float[Tensor, "B C H W"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B D Y X"]:
        return self.analog(images)[0].expand(len(steps), -1, -1, -1, -1)

    def analog(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "1 B D Y X"]:
        if not self.filters.any():
            raise RuntimeError("the whitening filters are not set; call calibrate(training images)")
        components = self._components(images)
        return torch.cat([components, -components], 1).relu_()[None]

    def _components(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D Y X"]:
        """Sums of elementwise products, whose bits do not depend on the size of the batch as those
        of a convolution may.
        """
        height, width = (side - self.kernel + 1 for side in images.shape[2:])
        components = images.new_zeros(len(images), len(self.filters), height, width)
        for channel, down, right in product(
            range(self.channels), range(self.kernel), range(self.kernel)
        ):
            part = images[:, channel, None, down : down + height, right : right + width]
            components.addcmul_(
                part, self.filters[:, channel, down, right].to(images.dtype)[:, None, None]
            )
        return components

    def products(self, images: Float[Tensor, "B C H W"]) -> int:
        """Products of weights and pixels that the images take; the negatives of the filters take
        none.
        """
        places = math.prod(side - self.kernel + 1 for side in images.shape[2:])
        return len(images) * places * self.filters.numel()

    def calibrate(self, images: Float[Tensor, "B C H W"]) -> None:
        """Sets the filters from training images."""
        patches = functional.unfold(images.double(), self.kernel).transpose(1, 2).flatten(0, 1)
        eigenvalues, eigenvectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        filters = eigenvectors.T / torch.sqrt(eigenvalues.clamp(min=0) + self.epsilon)[:, None]
        self.filters.copy_(filters.flip(0).view_as(self.filters))
        self.largest.copy_(self._components(images).abs().max())

    def times(
        self, images: Float[Tensor, "B C H W"], keys: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "B D Y X"]:
        """The time of one spike for each value, t = latest (1 - x / largest): what is not there
        comes at `latest`, which is never.
        """
        return self.latest * (1 - self.analog(images)[0] / self.largest).clamp(min=0)

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        channels, *sides = shape
        if channels != self.channels:
            raise ValueError(f"images of {channels} channels; set encoder.channels={channels}")
        if min(sides) < self.kernel:
            raise ValueError(
                f"images of {sides[0]} x {sides[1]} pixels are smaller than a patch; use a "
                "smaller encoder.kernel"
            )
        return 2 * len(self.filters), *(side - self.kernel + 1 for side in sides)
