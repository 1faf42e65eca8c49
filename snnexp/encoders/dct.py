"""Encoding by discrete cosine transform: one spatial frequency per timestep."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from snnexp.cell import Over
from snnexp.encoders.base import Encoder
from snnexp.encoders.dct_basis import basis
from snnexp.encoders.signed_firing import SignedFiring
from snnexp.limits import Count, Percentile
from snnexp.ranks import between, exact

# JPEG's luma and chroma; the offset is 128 of 255 and is added to images in [-1, 1] as well, as the
# authors do.
_YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_OFFSET = (0.0, 128 / 255, 128 / 255)


class DCT(Encoder):
    """Cuts the image into overlapping blocks and sends one basis component of every block per
    timestep, coarse to fine, as signed spikes.

        X = block of the image, C = Q X Q^T,
            g_k = C_mn q_m^T q_n with (m, n) = the k-th frequency in zig-zag order;  sum_k g_k = X
        u <- u + g_(t mod block^2)
        s = 1[u > upper] - 1[u < lower]
        u <- u - upper 1[u > upper] - lower 1[u < lower]

    The blocks, (side - block) // stride + 1 per side, are laid side by side. `upper` is the given
    percentile of all components g of the images seen and `lower` its mirror, 100 - percentile
    (nearest rank). Images normalised to [-1, 1] (mean and standard deviation 0.5) are what the
    source feeds; under another normalisation the thresholds follow, but the constant component
    weighs more.

    Source: Garg 2020 (survey [74]), arXiv 2010.01795. The source takes thresholds per batch; frozen
    ones make a prediction independent of the batch it is in.

    Args:
        block: side of a block in pixels, >= 1.
        stride: distance between neighbouring blocks in pixels, >= 1.
        percentile: of the components, for the positive threshold, in (0, 100]; in practice well
            above 50.
        thresholds: `frozen` from `calibrate`, or `per_batch`, measured on every batch encoded.
        color: `ycbcr` transforms RGB images first and leaves gray ones alone; `none` leaves all.

    Raises:
        ValueError: images smaller than a block or of other than 1 or 3 channels under `ycbcr`;
            components without both signs.
        RuntimeError: frozen thresholds used before `calibrate`.
    """

    spiking = True
    shows = "part_by_part"
    own_scale = True

    def __init__(
        self,
        block: Count,
        stride: Count,
        percentile: Percentile,
        thresholds: Literal["frozen", "per_batch"],
        color: Literal["ycbcr", "none"],
    ):
        super().__init__()
        self.block = block
        self.stride = stride
        self.percentile = percentile
        self.thresholds = thresholds
        self.color = color
        self.firing = SignedFiring()
        self.over = Over(self.firing)
        self.register_buffer("basis", basis(block), persistent=False)

    def forward(
        self, images: Float[Tensor, "B C H W"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B C Y X"]:
        components = self.components(images)
        if self.thresholds == "per_batch":
            self._measure(components)
        if not self.firing.lower < 0 < self.firing.upper:
            raise RuntimeError(
                "frozen DCT thresholds are not set; call calibrate(training images) or use "
                "thresholds=per_batch"
            )
        return self.over(components[[step % len(components) for step in steps]]).to(images.dtype)

    def calibrate(self, images: Float[Tensor, "B C H W"]) -> None:
        """Sets the thresholds from training images."""
        self._measure(self.components(images))

    def _measure(self, components: Float[Tensor, "K B C Y X"]) -> None:
        values, percentile = components.flatten(), exact(self.percentile)
        lower, upper = (
            values.kthvalue(between(each, len(values))).values
            for each in (100 - percentile, percentile)
        )
        if not lower < 0 < upper:
            raise ValueError(
                f"the {100 - self.percentile:g}th and {self.percentile:g}th percentile of the "
                f"DCT components are {lower:g} and {upper:g}; "
                "they must lie on either side of 0: raise percentile, or use images that are "
                "not blank"
            )
        self.firing.lower.copy_(lower)
        self.firing.upper.copy_(upper)

    def components(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "K B C Y X"]:
        """The basis components g_k of every block; their sum over k is the image laid out in
        blocks.
        """
        x = self._colors(images.to(torch.promote_types(images.dtype, torch.float32)))
        blocks, waves = self._blocks(x), self.basis.to(x.dtype)
        # Elementwise products, not a matrix product: those may be of reduced precision and differ
        # with the size of the batch.
        return torch.stack(
            [
                _laid_out((blocks * wave).flatten(-2).sum(-1)[..., None, None] * wave)
                for wave in waves
            ]
        )

    def _colors(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        if self.color == "none" or x.shape[1] == 1:
            return x
        rows = [
            sum(weight * x[:, i] for i, weight in enumerate(row)) + offset
            for row, offset in zip(_YCBCR, _OFFSET, strict=True)
        ]
        return torch.stack(rows, 1)

    def _blocks(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C V U block block"]:
        return x.unfold(2, self.block, self.stride).unfold(3, self.block, self.stride).contiguous()

    def analog(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "1 B C Y X"]:
        return _laid_out(self._blocks(images))[None]

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        channels, *sides = shape
        if self.color == "ycbcr" and channels not in (1, 3):
            raise ValueError(
                f"color=ycbcr needs images of 1 or 3 channels, got {channels}; use color=none"
            )
        if min(sides) < self.block:
            raise ValueError(
                f"images of {sides[0]} x {sides[1]} pixels are smaller than "
                f"block={self.block}; use a smaller block"
            )
        return channels, *(((side - self.block) // self.stride + 1) * self.block for side in sides)


def _laid_out(blocks: Float[Tensor, "B C V U block block"]) -> Float[Tensor, "B C Y X"]:
    return blocks.transpose(3, 4).flatten(4, 5).flatten(2, 3)
