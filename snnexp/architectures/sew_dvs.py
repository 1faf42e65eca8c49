"""Spike-element-wise networks for frames of events: one block between two pools."""

from collections.abc import Callable
from functools import partial

from torch import nn

from snnexp.architectures.chain import Chain
from snnexp.architectures.initialization import Initialization, initialise
from snnexp.architectures.residual import Connect
from snnexp.architectures.sew_block import SpikeBlock
from snnexp.architectures.tokens import Convolution, MaxPool
from snnexp.layers.elementwise import Function
from snnexp.limits import Count, Positive


def sew_dvs(
    unit: Callable[[nn.Module], nn.Module],
    norm: Callable[..., nn.Module],
    shape: tuple[int, int, int],
    features: int,
    widths: list[Count],
    function: Function,
    zero_init: bool,
    bias: bool,
    initialization: Initialization,
    gain: Positive,
) -> nn.Sequential:
    """Stages of a residual block of spikes and a pool that halves the map.

        s' = max_2x2(g(fire(norm(W2 fire(norm(W1 s)))), s))         g: see `function`

    Where a stage is of another width than the map it gets, neurons behind a 1 x 1 convolution
    stand before the block. To be chosen for large frames of few classes: with seven stages, 128 x
    128 pixels come down to one. `sew_resnet` is the family for images.

    Source: Fang 2021 (survey [68]), its 7B-Net and Wide-7B-Net.

    Args:
        unit: connection to the unit it drives.
        norm: called as `norm(features=, dimensions=, branches=)` for every convolution.
        shape: (C, H, W) of what the encoder sends.
        features: width of the output layer.
        widths: channels of each stage.
        function: how spikes a of the branch and s of the shortcut join: add a + s, and a s, iand (1
            - a) s.
        zero_init: whether every block begins as one that changes nothing (see `sew_resnet`).
        bias: whether the output layer has a bias; convolutions have none.
        initialization: how the weights start.
        gain: factor on the initial weights, > 0.

    Raises:
        ValueError: more stages than the map can be halved; zero_init with a norm that has no scale,
            or with `and` no shift.
    """
    draw = partial(initialise, initialization=initialization, gain=gain)
    chain = Chain(unit, norm, shape, bias=False, norm_linear=False, initialise=draw)
    make = SpikeBlock(unit, Connect(norm, draw), "basic", function, zero_init)
    for number, width in enumerate(widths, 1):
        if width != chain.channels:
            chain.add(Convolution(width, 1, 0, 1, f"widths={widths}, stage {number}"))
        chain.grow(f"block{number}", make(width, width, 1), width, 1)
        chain.add(MaxPool(2, 0, 2, f"widths={widths}, the pool of stage {number}"))
    chain.bias = bias
    return chain.finish(features)
