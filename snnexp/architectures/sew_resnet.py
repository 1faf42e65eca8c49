"""Spike-element-wise residual networks: blocks that join spikes, not currents."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import nn

from snnexp.architectures.chain import Chain
from snnexp.architectures.initialization import Initialization, initialise
from snnexp.architectures.residual import EXPANSION, Connect
from snnexp.architectures.resnet import stages
from snnexp.architectures.tokens import parse
from snnexp.layers.elementwise import Elementwise, Function
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
    make = _Block(unit, Connect(norm, draw), block, function, zero_init)
    for layer in parse(stem):
        chain.add(layer)
    for name, width, stride in stages(widths, blocks, strides):
        chain.grow(name, make(chain.channels, width, stride), make.outputs(width), stride)
    chain.bias = bias
    for layer in parse(head):
        chain.add(layer)
    return chain.finish(features)


@dataclass(frozen=True)
class _Block:
    unit: Callable[[nn.Module], nn.Module]
    connect: Connect
    kind: Literal["basic", "bottleneck"]
    function: Function
    zero_init: bool

    def __call__(self, inputs: int, width: int, stride: int) -> nn.Module:
        branch = {"basic": self._basic, "bottleneck": self._bottleneck}[self.kind](
            inputs, width, stride
        )
        same = stride == 1 and inputs == self.outputs(width)
        shortcut = (
            nn.Identity()
            if same
            else self._fire(inputs, self.outputs(width), kernel=1, stride=stride)
        )
        return Elementwise(self.function, branch, shortcut)

    def outputs(self, width: int) -> int:
        return width * EXPANSION if self.kind == "bottleneck" else width

    def _fire(self, inputs: int, outputs: int, **form: int) -> nn.Module:
        return self.unit(self.connect(inputs, outputs, **form))

    def _last(self, inputs: int, outputs: int, **form: int) -> nn.Module:
        """The neurons that end a branch."""
        connection = self.connect(inputs, outputs, **form)
        if self.zero_init:
            _without_input(connection.norm, fires=self.function == "and")
        return self.unit(connection)

    def _basic(self, inputs: int, width: int, stride: int) -> nn.Module:
        return nn.Sequential(self._fire(inputs, width, stride=stride), self._last(width, width))

    def _bottleneck(self, inputs: int, width: int, stride: int) -> nn.Module:
        outer = self._fire(inputs, width, kernel=1), self._fire(width, width, stride=stride)
        return nn.Sequential(*outer, self._last(width, self.outputs(width), kernel=1))


def _without_input(norm: nn.Module, fires: bool) -> None:
    """Makes a norm give the same whatever the weights say: 0, or 1 that `fires`."""
    learned = {name.rpartition(".")[2]: each for name, each in norm.named_parameters()}
    missing = [name for name in ("weight", "bias")[: 1 + fires] if name not in learned]
    if missing:
        raise ValueError(
            f"architecture.zero_init: the norm behind the weights has no {missing[0]} to begin "
            "with; set architecture.zero_init=false or norm=batch"
        )
    nn.init.zeros_(learned["weight"])
    if fires:
        nn.init.ones_(learned["bias"])
