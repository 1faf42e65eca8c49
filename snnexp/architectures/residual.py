"""Residual blocks: two or three convolutions beside a shortcut, joined as currents in the last
neuron.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import nn

from snnexp.architectures.subsample import Subsample
from snnexp.layers.connection import Connection, Sum
from snnexp.layers.convolution import Conv2d
from snnexp.layers.dropout import Dropout
from snnexp.layers.per_step import PerStep

Shortcut = Literal["pad", "projection", "channel_projection"]

EXPANSION = 4
"""Channels that a bottleneck block gives, in those of its middle."""


@dataclass(frozen=True)
class Connect:
    """Makes convolutions without bias whose padding keeps the map.

    Args:
        norm: called as `norm(features=, dimensions=, branches=)`.
        draw: draws the weights of a layer and returns it.
    """

    norm: Callable[..., nn.Module]
    draw: Callable[[nn.Module], nn.Module]

    def __call__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        branches: int = 1,
        groups: int = 1,
    ) -> Connection:
        """From `inputs` to `outputs` channels; `branches` such currents meet in one neuron."""
        weights = Conv2d(
            inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False
        )
        return Connection(
            self.draw(weights), self.norm(features=outputs, dimensions=2, branches=branches)
        )


def shortcut(connect: Connect, inputs: int, outputs: int, stride: int, kind: Shortcut) -> nn.Module:
    """What goes round a block: the spikes themselves where it changes no shape, else of the given
    kind.

    Raises:
        ValueError: "pad" where channels would have to go.
    """
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    if kind == "projection" or (kind == "channel_projection" and inputs != outputs):
        return connect(inputs, outputs, kernel=1, stride=stride, branches=2)
    if outputs < inputs:
        raise ValueError(
            f"shortcut=pad cannot go from {inputs} to {outputs} channels; let widths grow, or "
            "choose shortcut=projection"
        )
    return PerStep(Subsample(stride, outputs - inputs))


@dataclass(frozen=True)
class Block:
    """Makes residual blocks of one kind.

        basic        s' = fire(conv3(fire(conv3(s))) + shortcut(s))
        bottleneck   s' = fire(conv1(fire(conv3(fire(conv1(s))))) + shortcut(s))

    Args:
        unit: connection to the unit it drives.
        connect: makes the convolutions.
        kind: see above.
        stride_in: the 3 x 3 convolution that takes the stride.
        shortcut: where the shape changes.
        dropout: probability behind every neuron inside a block.
    """

    unit: Callable[[nn.Module], nn.Module]
    connect: Connect
    kind: Literal["basic", "bottleneck"]
    stride_in: Literal["first", "second"]
    shortcut: Shortcut
    dropout: float

    def __call__(self, inputs: int, width: int, stride: int) -> nn.Module:
        """From `inputs` channels to `outputs(width)`."""
        branch = {"basic": self._basic, "bottleneck": self._bottleneck}[self.kind](
            inputs, width, stride
        )
        return self.unit(
            Sum(branch, shortcut(self.connect, inputs, self.outputs(width), stride, self.shortcut))
        )

    def outputs(self, width: int) -> int:
        """Channels of a block of this width."""
        return width * EXPANSION if self.kind == "bottleneck" else width

    def _basic(self, inputs: int, width: int, stride: int) -> nn.Module:
        first, second = (stride, 1) if self.stride_in == "first" else (1, stride)
        hidden = self.unit(self.connect(inputs, width, stride=first))
        return self._branch(hidden, self.connect(width, width, stride=second, branches=2))

    def _bottleneck(self, inputs: int, width: int, stride: int) -> nn.Module:
        narrow = self.unit(self.connect(inputs, width, kernel=1))
        middle = self.unit(self.connect(width, width, stride=stride))
        return self._branch(
            narrow, middle, self.connect(width, self.outputs(width), kernel=1, branches=2)
        )

    def _branch(self, *layers: nn.Module) -> nn.Sequential:
        """The layers with dropout between them, which does not count in their names."""
        branch = nn.Sequential()
        for number, layer in enumerate(layers):
            branch.add_module(str(number), layer)
            if self.dropout and number + 1 < len(layers):
                branch.add_module(f"dropout{number}", Dropout(self.dropout))
        return branch
