"""Spike-element-wise residual networks: blocks that join spikes, not currents."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import nn

from snnexp.architectures.chain import Chain
from snnexp.architectures.initialization import Initialization, initialise
from snnexp.architectures.residual import Connect
from snnexp.architectures.resnet import stages
from snnexp.architectures.sew_block import SpikeBlock
from snnexp.architectures.tokens import parse
from snnexp.layers.elementwise import Function
from snnexp.limits import Count, Positive


def sew_resnet(
    unit: Callable[[nn.Module], nn.Module],
    norm: Callable[..., nn.Module],
    shape: tuple[int, int, int],
    features: int,
    stem: list[str],
    block: Literal["basic", "bottleneck"],
    widths: list[Count],
    blocks: list[Count],
    strides: list[Count],
    function: Function,
    zero_init: bool,
    head: list[str],
    bias: bool,
    initialization: Initialization,
    gain: Positive,
) -> nn.Sequential:
    """A residual network in which every convolution, the last of a block and that of a shortcut
    too, drives neurons of its own.

        s' = g(fire(norm(W2 fire(norm(W1 s)))), shortcut(s))        g: see `function`

    Source: Fang 2021 (survey [68]).

    Args:
        unit: connection to the unit it drives.
        norm: called as `norm(features=, dimensions=, branches=)` for every convolution.
        shape: (C, H, W) of what the encoder sends.
        features: width of the output layer.
        stem: tokens before the first stage (see `cnn`); its convolutions have no bias.
        block: basic is two 3 x 3 convolutions, bottleneck 1 x 1, 3 x 3, 1 x 1 that gives four times
            its width.
        widths: channels of each stage.
        blocks: residual blocks in each stage.
        strides: stride of the first block of each stage.
        function: how spikes a of the branch and s of the shortcut join: add a + s, and a s, iand (1
            - a) s.
        zero_init: whether every block without a shortcut of its own begins as one that changes
            nothing: the scale of the last norm of a branch is 0, so that it sends no spikes, and
            with `and` its shift is 1, so that IF neurons of threshold 1 fire at every timestep. For
            deep networks; the published ImageNet networks (add) begin without.
        head: tokens behind the last stage.
        bias: whether linear layers have a bias; convolutions have none.
        initialization: how the weights start.
        gain: factor on the initial weights, > 0.

    Raises:
        ValueError: lists of different lengths; a token that is not in the grammar or does not fit;
            zero_init with a norm that has no scale, or with `and` no shift.
    """
    draw = partial(initialise, initialization=initialization, gain=gain)
    chain = Chain(unit, norm, shape, bias=False, norm_linear=False, initialise=draw)
    make = SpikeBlock(unit, Connect(norm, draw), block, function, zero_init)
    for layer in parse(stem):
        chain.add(layer)
    for name, width, stride in stages(widths, blocks, strides):
        chain.grow(name, make(chain.channels, width, stride), make.outputs(width), stride)
    chain.bias = bias
    for layer in parse(head):
        chain.add(layer)
    return chain.finish(features)
