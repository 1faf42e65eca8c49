"""The residual network for small images."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import nn

from snnexp.architectures.initialization import Initialization, initialise
from snnexp.architectures.residual import Block, Connect
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.connection import Connection
from snnexp.limits import Count, Positive


def resnet20(
    unit: Callable[[nn.Module], nn.Module],
    norm: Callable[..., nn.Module],
    shape: tuple[int, int, int],
    features: int,
    widths: list[Count],
    blocks: Count,
    shortcut: Literal["pad", "projection"],
    bias: bool,
    initialization: Initialization,
    gain: Positive,
) -> nn.Sequential:
    """A 3 x 3 convolution, stages of residual blocks that halve the map between them, an average
    over the map, and the output layer.

        s' = fire(norm(W2 fire(norm(W1 s))) + shortcut(s))

    Source: He 2016 (survey [72], `pad`); Bu 2022 (survey [40], `projection`).

    Args:
        unit: connection to the unit it drives.
        norm: called as `norm(features=, dimensions=, branches=)` for every convolution.
        shape: (C, H, W) of what the encoder sends.
        features: width of the output layer.
        widths: channels of each stage; the first is also that of the first convolution.
        blocks: residual blocks in each stage.
        shortcut: where the shape changes, `pad` keeps every second pixel and appends channels of
            zeros (widths must not shrink then), `projection` is a 1 x 1 convolution with a norm.
        bias: whether the output layer has a bias; convolutions have none.
        initialization: how the weights start.
        gain: factor on the initial weights, > 0.

    Raises:
        ValueError: shortcut=pad with widths that shrink.
    """
    draw = partial(initialise, initialization=initialization, gain=gain)
    connect = Connect(norm, draw)
    make = Block(unit, connect, "basic", "first", shortcut, dropout=0.0)
    body = nn.Sequential()
    body.add_module("stem", unit(connect(shape[0], widths[0])))
    inputs = widths[0]
    for stage, outputs in enumerate(widths, start=1):
        for block in range(1, blocks + 1):
            stride = 2 if block == 1 and stage > 1 else 1
            body.add_module(f"stage{stage}_block{block}", make(inputs, outputs, stride))
            inputs = outputs
    body.add_module("output", _output(draw, shape, widths, features, bias))
    return body


def _output(
    draw: Callable, shape: tuple[int, int, int], widths: list[int], features: int, bias: bool
) -> Connection:
    halvings = 2 ** (len(widths) - 1)
    whole_map = tuple(-(-extent // halvings) for extent in shape[1:])
    return Connection(
        draw(nn.Linear(widths[-1], features, bias=bias)),
        nn.Identity(),
        before=(AveragePool(whole_map), nn.Flatten()),
    )
