"""VGG networks: convolutions, five pools at most, linear layers."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal

from torch import nn

from snnexp.architectures.chain import Chain
from snnexp.architectures.initialization import Initialization, initialise
from snnexp.architectures.tokens import (
    Convolution,
    Drop,
    FiringPool,
    Layer,
    Linear,
    MaxPool,
    Pool,
    parse,
)
from snnexp.limits import Positive, Probability


def vgg(
    unit: Callable[[nn.Module], nn.Module],
    norm: Callable[..., nn.Module],
    shape: tuple[int, int, int],
    features: int,
    layers: list[str],
    pooling: Literal["average", "max"],
    dropout: Probability,
    dropout_linear: Probability,
    bias: bool,
    norm_linear: bool,
    initialization: Initialization,
    gain: Positive,
) -> nn.Sequential:
    """A list of tokens as in `cnn`, in which `P<k>` is the pool that `pooling` names, with the
    dropout of the VGG family.

    Source: vgg5 Kim 2022 (survey [77]); vgg7, vgg9 and vgg11 Kim & Panda 2021 (survey [67]), vgg7
    with assumed widths; vgg13 Garg 2020 (survey [74]), which is configuration B of Simonyan &
    Zisserman 2015; vgg16 Rathi 2020 (survey [66], [70]), which has no fifth pool.

    Args:
        unit: connection to the unit it drives.
        norm: called as `norm(features=, dimensions=, branches=)` for every hidden layer.
        shape: (C, H, W) of what the encoder sends.
        features: width of the output layer.
        layers: tokens of the hidden layers.
        pooling: average pools belong to the weights behind them, max pools act on spikes.
        dropout: probability behind every convolution that no pool follows, in [0, 1).
        dropout_linear: probability behind every linear layer, in [0, 1).
        bias: whether weights come with a bias, the output layer's too.
        norm_linear: whether hidden linear layers have a norm, as convolutions do.
        initialization: how the weights start.
        gain: factor on the initial weights, > 0.

    Raises:
        ValueError: a token is not in the grammar, or does not fit on the map it meets.
    """
    kind = {"average": "AP", "max": "MP"}[pooling]
    parsed = parse([re.sub(r"^P(?=\d)", kind, str(token)) for token in layers])
    chain = Chain(
        unit,
        norm,
        shape,
        bias,
        norm_linear,
        partial(initialise, initialization=initialization, gain=gain),
    )
    for layer in _with_dropout(parsed, dropout, dropout_linear):
        chain.add(layer)
    return chain.finish(features)


def _with_dropout(layers: list[Layer], dropout: float, dropout_linear: float) -> Iterator[Layer]:
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        yield layer
        if (
            isinstance(layer, Convolution)
            and not isinstance(following, Pool | MaxPool | FiringPool)
            and dropout
        ):
            yield Drop(dropout, origin="dropout")
        if isinstance(layer, Linear) and dropout_linear:
            yield Drop(dropout_linear, origin="dropout_linear")
