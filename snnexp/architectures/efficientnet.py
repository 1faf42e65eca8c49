"""EfficientNet: inverted bottlenecks with depthwise convolutions and squeeze-and-excitation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from torch import nn

from snnexp.architectures.initialization import Initialization, initialise
from snnexp.architectures.residual import Connect
from snnexp.architectures.resnet import stages
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.connection import Connection, Sum
from snnexp.layers.dropout import Dropout
from snnexp.layers.per_step import PerStep
from snnexp.layers.squeeze_excitation import SqueezeExcitation
from snnexp.limits import Count, Positive, Probability

SQUEEZE = 4
"""Channels that enter a block, in those its gates are computed from."""


def efficientnet(
    unit: Callable[[nn.Module], nn.Module],
    norm: Callable[..., nn.Module],
    shape: tuple[int, int, int],
    features: int,
    stem: Count,
    widths: list[Count],
    blocks: list[Count],
    strides: list[Count],
    kernels: list[Count],
    expansions: list[Count],
    last: Count,
    dropout: Probability,
    bias: bool,
    initialization: Initialization,
    gain: Positive,
) -> nn.Sequential:
    """A 3 x 3 convolution of stride 2, stages of inverted bottlenecks, a 1 x 1 convolution, an
    average over the map, the output layer.

        y = fire(norm(We s))                    more channels
        y = fire(norm(Wd * y))                  each channel by itself
        s' = norm(Wp (y gate(y))) + s
            fewer channels; no neuron behind, the shortcut only where the shape stays

    Source: Tan & Le 2019; used by Stockl & Maass 2021 (survey [33]). Stochastic depth, which only
    training has, is left out.

    Args:
        unit: connection to the unit it drives.
        norm: called as `norm(features=, dimensions=, branches=)` for every convolution but those of
            the gates.
        shape: (C, H, W) of what the encoder sends.
        features: width of the output layer.
        stem: channels of the first convolution.
        widths: channels of each stage.
        blocks: blocks in each stage.
        strides: stride of the first block of each stage.
        kernels: side of the depthwise kernels of each stage, odd.
        expansions: channels inside a block, in those that enter it; 1 leaves the first convolution
            out.
        last: channels of the last convolution.
        dropout: probability before the output layer, in [0, 1).
        bias: whether the output layer has a bias; gates have one, other convolutions none.
        initialization: how the weights start.
        gain: factor on the initial weights, > 0.

    Raises:
        ValueError: lists of different lengths.
    """
    draw = partial(initialise, initialization=initialization, gain=gain)
    make = _Maker(unit, Connect(norm, draw), draw, shape[0], shape[1:])
    body = nn.Sequential()
    make = make.append(body, "stem", make.fire(make.channels, stem, kernel=3, stride=2), stem, 2)
    forms = {
        number: form for number, form in enumerate(zip(kernels, expansions, strict=True), start=1)
    }
    for name, width, stride in stages(widths, blocks, strides):
        kernel, expansion = forms[int(name.removeprefix("stage").partition("_")[0])]
        make = make.append(body, name, make.block(width, kernel, stride, expansion), width, stride)
    make = make.append(body, "convolution1", make.fire(make.channels, last, kernel=1), last, 1)
    body.add_module("average", PerStep(AveragePool(make.size), nn.Flatten()))
    body.add_module("dropout", Dropout(dropout))
    body.add_module("output", Connection(draw(nn.Linear(last, features, bias=bias)), nn.Identity()))
    return body


@dataclass(frozen=True)
class _Maker:
    """What blocks are made of, and the map they meet."""

    unit: Callable[[nn.Module], nn.Module]
    connect: Connect
    draw: Callable[[nn.Module], nn.Module]
    channels: int
    size: tuple[int, ...]

    def append(
        self, body: nn.Sequential, name: str, module: nn.Module, channels: int, stride: int
    ) -> "_Maker":
        body.add_module(name, module)
        return replace(self, channels=channels, size=_halved(self.size, stride))

    def fire(self, inputs: int, outputs: int, **form: int) -> nn.Module:
        return self.unit(self.connect(inputs, outputs, **form))

    def block(self, outputs: int, kernel: int, stride: int, expansion: int) -> nn.Module:
        inside = self.channels * expansion
        expand = [self.fire(self.channels, inside, kernel=1)] if expansion > 1 else []
        depthwise = self.fire(inside, inside, kernel=kernel, stride=stride, groups=inside)
        same = stride == 1 and self.channels == outputs
        project = self.connect(inside, outputs, kernel=1, branches=2 if same else 1)
        branch = nn.Sequential(
            *expand, depthwise, self._gate(inside, _halved(self.size, stride)), project
        )
        return Sum(branch, nn.Identity()) if same else branch

    def _gate(self, channels: int, size: tuple[int, ...]) -> nn.Module:
        narrow = max(1, self.channels // SQUEEZE)
        squeeze, excite = nn.Conv2d(channels, narrow, 1), nn.Conv2d(narrow, channels, 1)
        driven = self.unit(
            Connection(self.draw(squeeze), nn.Identity(), before=(AveragePool(size),))
        )
        return SqueezeExcitation(driven, Connection(self.draw(excite), nn.Identity()))


def _halved(size: tuple[int, ...], stride: int) -> tuple[int, ...]:
    return tuple(-(-extent // stride) for extent in size)
