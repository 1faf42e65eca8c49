"""Joins the spikes of two branches, where `Sum` joins currents."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.layers.distortion import Code
from snnexp.layers.joint import Joint, side_by_side
from snnexp.layers.signal import Signal, Spikes, together

Function = Literal["add", "and", "iand"]


class Elementwise(Joint):
    """The spikes a of a branch and the spikes s of its shortcut, position by position:

        add    a + s             up to two spikes
        and    a s
        iand   (1 - a) s         a suppresses s

    Source: Fang 2021 (survey [68]).

    Args:
        function: see above.
        branch: spikes `[T, B, *n]` to spikes `[T, B, *m]`.
        shortcut: spikes `[T, B, *n]` to spikes `[T, B, *m]`.
    """

    def __init__(self, function: Function, branch: nn.Module, shortcut: nn.Module):
        super().__init__(function, side_by_side((branch, shortcut)))
        self.function = function
        self.branches = nn.ModuleList((branch, shortcut))

    def forward(self, x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *m"]:
        spikes, shortcut = (branch(x) for branch in self.branches)
        match self.function:
            case "add":
                return spikes + shortcut
            case "and":
                return spikes * shortcut
            case "iand":
                return (1 - spikes) * shortcut
        raise ValueError(f"function: expected 'add', 'and' or 'iand', got {self.function!r}")

    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """Of spikes that are added all go on; of the others those that the joint gives."""
        if self.function != "add":
            return together(signals) or Spikes(values)
        return together(signals) or Spikes(
            values,
            behind=lambda: sum(spikes.behind().float() for spikes in signals),
            totals=lambda: sum(spikes.totals for spikes in signals),
        )

    def distortion(self, code: Code) -> str | None:
        """Products of spikes are not those of rates; sums are."""
        if self.function == "add":
            return None
        return f"joins by {self.function}, which rates do not pass through; use a join that adds"

    def extra_repr(self) -> str:
        return self.function
