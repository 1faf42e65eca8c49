"""The residual network for small images."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import nn

from snnexp.architectures.initialization import Initialization, initialise
from snnexp.architectures.subsample import Subsample
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.connection import Connection, Sum
from snnexp.layers.per_step import PerStep
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
    """A 3 x 3 convolution, stages of residual blocks that halve the map between them, an average over the map, and the output layer.

        s' = fire(norm(W2 fire(norm(W1 s))) + shortcut(s))

    Source: He 2016 (survey [72], `pad`); Bu 2022 (survey [40], `projection`).

    Args:
        unit: connection to the unit it drives.
        norm: called as `norm(features=, dimensions=, branches=)` for every convolution.
        shape: (C, H, W) of what the encoder sends.
        features: width of the output layer.
        widths: channels of each stage; the first is also that of the first convolution.
        blocks: residual blocks in each stage.
        shortcut: where the shape changes, `pad` keeps every second pixel and appends channels of zeros (widths must not shrink then),
            `projection` is a 1 x 1 convolution with a norm.
        bias: whether the output layer has a bias; convolutions have none.
        initialization: how the weights start.
        gain: factor on the initial weights, > 0.

    Raises:
        ValueError: shortcut=pad with widths that shrink.
    """
    draw = partial(initialise, initialization=initialization, gain=gain)
    connect = partial(_connect, norm, draw)
    body = nn.Sequential()
    body.add_module("stem", unit(connect(shape[0], widths[0])))
    inputs = widths[0]
    for stage, outputs in enumerate(widths, start=1):
        for block in range(1, blocks + 1):
            stride = 2 if block == 1 and stage > 1 else 1
            body.add_module(f"stage{stage}_block{block}", _block(unit, connect, inputs, outputs, stride, shortcut))
            inputs = outputs
    body.add_module("output", _output(draw, shape, widths, features, bias))
    return body


def _block(unit: Callable, connect: Callable, inputs: int, outputs: int, stride: int, shortcut: str) -> nn.Module:
    branch = nn.Sequential(unit(connect(inputs, outputs, stride=stride)), connect(outputs, outputs, branches=2))
    return unit(Sum(branch, _shortcut(connect, inputs, outputs, stride, shortcut)))


def _shortcut(connect: Callable, inputs: int, outputs: int, stride: int, shortcut: str) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    if shortcut == "projection":
        return connect(inputs, outputs, kernel=1, stride=stride, branches=2)
    if outputs < inputs:
        raise ValueError(f"shortcut=pad cannot go from {inputs} to {outputs} channels; let widths grow, or choose shortcut=projection")
    return PerStep(Subsample(stride, outputs - inputs))


def _connect(norm: Callable, draw: Callable, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, branches: int = 1) -> Connection:
    weights = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return Connection(draw(weights), norm(features=outputs, dimensions=2, branches=branches))


def _output(draw: Callable, shape: tuple[int, int, int], widths: list[int], features: int, bias: bool) -> Connection:
    halvings = 2 ** (len(widths) - 1)
    whole_map = tuple(-(-extent // halvings) for extent in shape[1:])
    return Connection(draw(nn.Linear(widths[-1], features, bias=bias)), nn.Identity(), before=(AveragePool(whole_map), nn.Flatten()))
