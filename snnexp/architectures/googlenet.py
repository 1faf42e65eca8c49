"""GoogLeNet: convolutions of several sizes side by side."""

from collections.abc import Callable
from functools import partial

from torch import nn

from snnexp.architectures.initialization import Initialization, initialise
from snnexp.architectures.residual import Connect
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.concatenation import Concatenation
from snnexp.layers.connection import Connection
from snnexp.layers.dropout import Dropout
from snnexp.layers.per_step import PerStep
from snnexp.limits import Count, Positive, Probability

_STAGES = {
    3: ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    4: (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    5: ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
}
"""Channels of the blocks of each stage: 1 x 1; 1 x 1 before the next, 3 x 3; 1 x 1 before the next,
largest kernel; behind the pool.
"""


def googlenet(
    unit: Callable[[nn.Module], nn.Module],
    norm: Callable[..., nn.Module],
    shape: tuple[int, int, int],
    features: int,
    largest_kernel: Count,
    last_pool: Count,
    dropout: Probability,
    bias: bool,
    initialization: Initialization,
    gain: Positive,
) -> nn.Sequential:
    """Three convolutions, nine inception blocks with maximum pools between them, an average over
    the map, and the output layer.

    The pools keep what hangs over the edge of the map. The two auxiliary classifiers of the
    original are left out, they only train.

    Source: Szegedy 2015; with last_pool=2 and largest_kernel=3 as torchvision has it, with 3 and 5
    as Zhou 2021 (survey [64]).

    Args:
        unit: connection to the unit it drives.
        norm: called as `norm(features=, dimensions=, branches=)` for every convolution.
        shape: (C, H, W) of what the encoder sends.
        features: width of the output layer.
        largest_kernel: side of the largest kernel of a block, odd; 5 in the original.
        last_pool: side of the pool before the last stage; 3 in the original.
        dropout: probability before the output layer, in [0, 1).
        bias: whether the output layer has a bias; convolutions have none.
        initialization: how the weights start.
        gain: factor on the initial weights, > 0.

    Raises:
        ValueError: the images are too small for the pools.
    """
    draw = partial(initialise, initialization=initialization, gain=gain)
    fire = partial(_fire, unit, Connect(norm, draw))
    body, size = nn.Sequential(), tuple(-(-extent // 2) for extent in shape[1:])
    body.add_module("convolution1", fire(shape[0], 64, kernel=7, stride=2))
    size = _pool(body, 1, 3, size)
    body.add_module("convolution2", fire(64, 64, kernel=1))
    body.add_module("convolution3", fire(64, 192))
    channels = 192
    for number, (stage, blocks) in enumerate(_STAGES.items(), start=2):
        size = _pool(body, number, last_pool if stage == 5 else 3, size)
        for letter, widths in zip("abcde", blocks, strict=False):
            body.add_module(
                f"block{stage}{letter}", _inception(fire, channels, widths, largest_kernel)
            )
            channels = widths[0] + widths[2] + widths[4] + widths[5]
    body.add_module("output", _output(body, draw, channels, size, dropout, features, bias))
    return body


def _fire(unit: Callable, connect: Connect, inputs: int, outputs: int, **form: int) -> nn.Module:
    return unit(connect(inputs, outputs, **form))


def _inception(
    fire: Callable, inputs: int, widths: tuple[int, ...], largest_kernel: int
) -> nn.Module:
    direct, narrow, middle, narrower, large, pooled = widths
    return Concatenation(
        fire(inputs, direct, kernel=1),
        nn.Sequential(fire(inputs, narrow, kernel=1), fire(narrow, middle)),
        nn.Sequential(
            fire(inputs, narrower, kernel=1), fire(narrower, large, kernel=largest_kernel)
        ),
        nn.Sequential(
            PerStep(nn.MaxPool2d(3, stride=1, padding=1)), fire(inputs, pooled, kernel=1)
        ),
    )


def _pool(body: nn.Sequential, number: int, window: int, size: tuple[int, ...]) -> tuple[int, ...]:
    body.add_module(f"pool{number}", PerStep(nn.MaxPool2d(window, stride=2, ceil_mode=True)))
    # A window may hang over the edge by one, but not start behind it.
    smaller = tuple(min((extent - window + 1) // 2 + 1, -(-extent // 2)) for extent in size)
    if min(smaller) < 1:
        raise ValueError(
            f"googlenet: pool {number} of 4 does not fit on a map of {size[0]} x {size[1]}; "
            "use larger images"
        )
    return smaller


def _output(
    body: nn.Sequential,
    draw: Callable,
    channels: int,
    size: tuple[int, ...],
    dropout: float,
    features: int,
    bias: bool,
) -> Connection:
    before: tuple[nn.Module, ...] = (AveragePool(size), nn.Flatten())
    if dropout:  # the mask is drawn on the averages
        body.add_module("average", PerStep(*before))
        body.add_module("dropout", Dropout(dropout))
        before = ()
    return Connection(draw(nn.Linear(channels, features, bias=bias)), nn.Identity(), before)
