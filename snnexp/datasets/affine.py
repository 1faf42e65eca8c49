"""Rotation, shift and zoom of images, each by its own key."""

import math

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from snnexp.noise import uniform

_AFFINE = -6  # a number of its own, so that nothing else about the sample is drawn alike


def affine(
    images: Shaped[Tensor, "B C H W"],
    keys: Int[Tensor, "B"],
    rotation: float,
    shift: float,
    zoom: list[float],
) -> Shaped[Tensor, "B C H W"]:
    """Every image turned about its middle, zoomed and moved, a pure function of its key.

        y(p) = x(R(-a) (p - d) / z)          p, d from the middle, the nearest pixel of x
        a ~ U(-rotation, rotation),  z ~ U(zoom),  d ~ round(U(-shift, shift) (H, W))

    What lies beyond the image is zero. Source: torchvision's RandomAffine, with which Fang 2021
    (survey [56]) trains on MNIST.

    Args:
        images: of any type; pixels are moved and never mixed.
        keys: one for every image.
        rotation: largest angle, in degrees.
        shift: largest shift, as a share of height and width, in [0, 1].
        zoom: smallest and largest factor of the size, > 0.
    """
    turn, size, down, across = uniform(keys, _AFFINE, (4,)).unsqueeze(-1).unbind(1)
    rows, columns = (
        torch.arange(extent, device=keys.device) - (extent - 1) / 2 - _moved(share, shift, extent)
        for extent, share in zip(images.shape[2:], (down, across), strict=True)
    )
    angle = (2 * turn - 1)[..., None] * math.radians(rotation)
    factor = (zoom[0] + (zoom[1] - zoom[0]) * size)[..., None]
    rows, columns = rows[:, :, None], columns[:, None, :]
    y = (rows * angle.cos() - columns * angle.sin()) / factor
    x = (rows * angle.sin() + columns * angle.cos()) / factor
    return seen(images, y, x)


def _moved(share: Tensor, shift: float, extent: int) -> Tensor:
    """Whole pixels, as torchvision moves."""
    return ((2 * share - 1) * shift * extent).round()


def seen(
    images: Shaped[Tensor, "B C H W"], y: Float[Tensor, "B H W"], x: Float[Tensor, "B H W"]
) -> Shaped[Tensor, "B C H W"]:
    """The pixels nearest to places from the middle; zero beyond the image."""
    height, width = images.shape[2:]
    rows, columns = ((y + (height - 1) / 2).round(), (x + (width - 1) / 2).round())
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    places = (rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)).long()
    index = places.flatten(1)[:, None].expand(-1, images.shape[1], -1)
    return images.flatten(2).gather(2, index).view_as(images) * inside[:, None]
