"""Residual networks of every size: a stem, stages of blocks, and linear layers."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import nn

from snnexp.architectures.chain import Chain
from snnexp.architectures.initialization import Initialization, initialise
from snnexp.architectures.residual import Block, Connect, Shortcut
from snnexp.architectures.tokens import parse
from snnexp.layers.dropout import Dropout
from snnexp.limits import Count, Positive, Probability


def resnet(
    unit: Callable[[nn.Module], nn.Module],
    norm: Callable[..., nn.Module],
    shape: tuple[int, int, int],
    features: int,
    stem: list[str],
    block: Literal["basic", "bottleneck"],
    widths: list[Count],
    blocks: list[Count],
    strides: list[Count],
    stride_in: Literal["first", "second"],
    shortcut: Shortcut,
    head: list[str],
    dropout: Probability,
    dropout_join: Probability,
    bias: bool,
    norm_linear: bool,
    initialization: Initialization,
    gain: Positive,
) -> nn.Sequential:
    """Layers written as tokens (see `cnn`), stages of residual blocks, tokens again, and the output
    layer.

        s' = fire(norm(W2 fire(norm(W1 s))) + shortcut(s))

    Source: He 2016 (survey [72]); Lee 2020 ([53]) and Ledinauskas 2020 ([58]) resnet11; Zheng 2021
    ([57]) resnet17, resnet19; Rathi 2020 ([66]) resnet12_wide, resnet20_wide, resnet34_wide;
    Sengupta 2019 ([36]) resnet34_average; Bu 2022 ([40]) resnet34_qcfs.

    Args:
        unit: connection to the unit it drives.
        norm: called as `norm(features=, dimensions=, branches=)` for every convolution.
        shape: (C, H, W) of what the encoder sends.
        features: width of the output layer.
        stem: tokens before the first stage; its convolutions have no bias.
        block: basic is two 3 x 3 convolutions, bottleneck 1 x 1, 3 x 3, 1 x 1 that gives four times
            its width.
        widths: channels of each stage.
        blocks: residual blocks in each stage.
        strides: stride of the first block of each stage.
        stride_in: which convolution of a basic block takes the stride; a bottleneck's is the 3 x 3
            one.
        shortcut: where the shape changes, `pad` keeps every stride-th pixel and appends channels of
            zeros (widths must not shrink then), `projection` is a 1 x 1 convolution with a norm,
            `channel_projection` is that only where channels change, else `pad`.
        head: tokens behind the last stage.
        dropout: probability behind every neuron inside a block, in [0, 1).
        dropout_join: probability behind every block, in [0, 1).
        bias: whether linear layers have a bias; convolutions have none.
        norm_linear: whether hidden linear layers have a norm.
        initialization: how the weights start.
        gain: factor on the initial weights, > 0.

    Raises:
        ValueError: lists of different lengths; a token that is not in the grammar or does not fit;
            shortcut=pad with widths that shrink.
    """
    draw = partial(initialise, initialization=initialization, gain=gain)
    chain = Chain(unit, norm, shape, False, norm_linear, draw)
    make = Block(unit, Connect(norm, draw), block, stride_in, shortcut, dropout)
    for layer in parse(stem):
        chain.add(layer)
    for name, width, stride in stages(widths, blocks, strides):
        chain.grow(name, make(chain.channels, width, stride), make.outputs(width), stride)
        if dropout_join:
            chain.body.add_module(f"{name}_dropout", Dropout(dropout_join))
    chain.bias = bias
    for layer in parse(head):
        chain.add(layer)
    return chain.finish(features)


def stages(widths: list[int], blocks: list[int], strides: list[int]) -> list[tuple[str, int, int]]:
    """Name, width and stride of every block.

    Raises:
        ValueError: the lists are not of one length.
    """
    if not len(widths) == len(blocks) == len(strides):
        raise ValueError(
            f"widths {widths}, blocks {blocks} and strides {strides} need one value for each "
            "stage; give them the same length"
        )
    return [
        (f"stage{stage}_block{number}", width, stride if number == 1 else 1)
        for stage, (width, count, stride) in enumerate(
            zip(widths, blocks, strides, strict=True), start=1
        )
        for number in range(1, count + 1)
    ]
