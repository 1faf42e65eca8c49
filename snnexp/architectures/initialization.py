"""How weights start."""

from functools import partial
from typing import Literal, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

Initialization = Literal["default", "kaiming", "kaiming_out", "kaiming_linear", "xavier", "dirac"]
Weights = TypeVar("Weights", nn.Conv2d, nn.Linear)

_kaiming = partial(nn.init.kaiming_normal_, mode="fan_in", nonlinearity="relu")
_SCHEMES = {
    "default": lambda weight: weight,
    "kaiming": _kaiming,
    "kaiming_out": partial(nn.init.kaiming_normal_, mode="fan_out", nonlinearity="relu"),
    "kaiming_linear": lambda weight: _kaiming(weight) if weight.dim() == 2 else weight,
    "xavier": nn.init.xavier_uniform_,
    "dirac": lambda weight: _dirac(weight) if weight.dim() == 4 else weight,
}


@torch.no_grad()
def initialise(layer: Weights, initialization: Initialization, gain: float) -> Weights:
    """Draws the weights of `layer` in place, multiplies them by `gain`, and returns the layer.

        default       as PyTorch does, W ~ U(-1, 1) / sqrt(fan_in)
        kaiming       W ~ N(0, 2 / fan_in), b = 0
        kaiming_out   W ~ N(0, 2 / fan_out), b = 0
        kaiming_linear  linear layers as kaiming, without the gain; convolutions as default, b = 0
        xavier        W ~ U(-1, 1) sqrt(6 / (fan_in + fan_out)), b = 0
        dirac       as default, but the first filters of a convolution hand on a channel each, b = 0

    A Dirac filter is 1 at the middle of its kernel and 0 elsewhere; an even kernel, which has no
    middle, spreads the 1 over the four places (or two, of one line) about it: with a stride of 2 it
    is an average pool. What a layer is told reaches the next from the beginning, which saves the
    first epochs of a short training; for layers behind a norm, which sets the scale.

    Source: He et al. 2015 (kaiming, forward and backward), Zhang & Li 2020 (kaiming_linear: survey
    [54], public code), Glorot & Bengio 2010 (xavier), Zagoruyko & Komodakis 2017 and Jordan 2024
    (dirac).
    """
    if layer.weight.is_meta:  # without numbers; torch would import its compiler to draw none
        return layer
    weight = _SCHEMES[initialization](layer.weight)
    if gain != 1 and not (initialization == "kaiming_linear" and isinstance(layer, nn.Linear)):
        weight.mul_(gain)
    if layer.bias is not None and initialization != "default":
        layer.bias.zero_()
    return layer


def _dirac(weight: Float[Tensor, "o i h w"]) -> Tensor:
    """Makes the first min(o, i) filters hand on a channel each, in place."""
    rows, columns = (slice((size - 1) // 2, size // 2 + 1) for size in weight.shape[2:])
    channels = range(min(weight.shape[:2]))
    weight[: len(channels)] = 0
    weight[channels, channels, rows, columns] = 1 / (
        (rows.stop - rows.start) * (columns.stop - columns.start)
    )
    return weight
