"""Channels weighted by what the whole map shows."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.layers.distortion import Code
from snnexp.layers.joint import Joint
from snnexp.layers.signal import Real, Signal


class SqueezeExcitation(Joint):
    """Multiplies every channel by a number between 0 and 1 that depends on the averages of all
    channels over the map.

        y = s gate(W2 fire(W1 mean_HW(s))),  gate(z) = sigmoid(z)

    The gate is a real number. Where neurons code in windows (see in_windows.py) it is a neuron too,
    one per channel: few spikes of a fitted sigmoid send it, and the value of one window is the
    factor of all spikes of the next.

    Source: Hu 2018; gates by few spikes as in Stockl & Maass 2021 (survey [33]).

    Args:
        squeeze: unit from `[T, B, C, H, W]` to `[T, B, D, 1, 1]`.
        excite: connection from there to the current of the gates `[T, B, C, 1, 1]`.
    """

    fixed: ClassVar[tuple[str, ...]] = ("gate",)

    def __init__(self, squeeze: nn.Module, excite: nn.Module):
        super().__init__("product", ((), ("squeeze", "excite", "gate")))
        self.squeeze, self.excite = squeeze, excite
        self.gate: nn.Module = Gate()

    def forward(self, x: Float[Tensor, "T B C H W"]) -> Float[Tensor, "T B C H W"]:
        return x * self.gate(self.excite(self.squeeze(x)))

    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """Real numbers: spikes times factors."""
        return Real(len(values))

    def distortion(self, code: Code) -> str | None:
        """A gate that has no memory sees one timestep."""
        if not isinstance(self.gate, Gate):
            return None
        return (
            "multiplies spikes by the sigmoid of one timestep, whose mean is not the sigmoid of "
            "the mean; set neuron=fitted_few_spikes, or neuron=few_spikes neuron.window=12, whose "
            "gates are neurons"
        )


class Gate(nn.Sigmoid):
    """The factors between 0 and 1 of a real current, timestep by timestep."""

    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """Real numbers."""
        return Real(len(values))
