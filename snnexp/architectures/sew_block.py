"""A residual block whose branch and shortcut both end in neurons, and that joins their spikes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import nn

from snnexp.architectures.residual import EXPANSION, Connect
from snnexp.layers.elementwise import Elementwise, Function


@dataclass(frozen=True)
class SpikeBlock:
    """Makes spike-element-wise blocks (Fang 2021, survey [68]); see `sew_resnet`.

    Args:
        unit: connection to the unit it drives.
        connect: makes the convolutions.
        kind: of the branch.
        function: how spikes of branch and shortcut join.
        zero_init: whether a branch begins as one that changes nothing.
    """

    unit: Callable[[nn.Module], nn.Module]
    connect: Connect
    kind: Literal["basic", "bottleneck"]
    function: Function
    zero_init: bool

    def __call__(self, inputs: int, width: int, stride: int) -> nn.Module:
        """From `inputs` channels to `outputs(width)`."""
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
        """Channels of a block of this width."""
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
