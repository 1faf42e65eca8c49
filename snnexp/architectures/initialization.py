"""How weights start."""

from functools import partial
from typing import Literal, TypeVar

import torch
from torch import nn

Initialization = Literal["default", "kaiming", "kaiming_out", "xavier"]
Weights = TypeVar("Weights", nn.Conv2d, nn.Linear)

_SCHEMES = {
    "default": lambda weight: weight,
    "kaiming": partial(nn.init.kaiming_normal_, mode="fan_in", nonlinearity="relu"),
    "kaiming_out": partial(nn.init.kaiming_normal_, mode="fan_out", nonlinearity="relu"),
    "xavier": nn.init.xavier_uniform_,
}


@torch.no_grad()
def initialise(layer: Weights, initialization: Initialization, gain: float) -> Weights:
    """Draws the weights of `layer` in place, multiplies them by `gain`, and returns the layer.

        default       as PyTorch does, W ~ U(-1, 1) / sqrt(fan_in)
        kaiming       W ~ N(0, 2 / fan_in), b = 0
        kaiming_out   W ~ N(0, 2 / fan_out), b = 0
        xavier        W ~ U(-1, 1) sqrt(6 / (fan_in + fan_out)), b = 0

    Source: He et al. 2015 (kaiming, forward and backward), Glorot & Bengio 2010 (xavier).
    """
    _SCHEMES[initialization](layer.weight).mul_(gain)
    if layer.bias is not None and initialization != "default":
        layer.bias.zero_()
    return layer
