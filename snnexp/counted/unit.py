"""The count form of a unit: what its neurons have sent over all timesteps as one activation, with
one gradient.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.network.wiring import wiring


class CountUnit(nn.Module):
    """A connection and the rule by which what its neurons sent depends on the current they got; one
    timestep stands for all.

    The forward value is what was measured on the spiking form, the gradient that of an analog
    activation. Without a measurement the unit is that analog activation.

    Args:
        connection: activations to current, shared with the spiking form.
        rule: current and measurement to activation, for the neurons that it speaks of.
    """

    def __init__(self, connection: nn.Module, rule: nn.Module):
        super().__init__()
        self.connection = connection
        self.rule = rule
        self.measured: Float[Tensor, "1 B *m"] | None = None  # lent for the length of a pass

    def forward(self, x: Float[Tensor, "1 B *n"]) -> Float[Tensor, "1 B *m"]:
        return self.rule(self.connection(x), self.measured)


@contextmanager
def measured(network: nn.Module, signals: Mapping[str, Tensor]) -> Iterator[None]:
    """Within the block every unit gives the signal, `[1, B, *m]`, that was measured of it."""
    units = count_units(network)
    for name, unit in units.items():
        unit.measured = signals[name]
    try:
        yield
    finally:
        for unit in units.values():
            unit.measured = None


def count_units(network: nn.Module) -> dict[str, CountUnit]:
    """Every unit in count form by name, in the order of the forward pass."""
    units = wiring(network).of("unit")
    return {node.name: node.module for node in units if isinstance(node.module, CountUnit)}


def valued(analog: Float[Tensor, "*n"], measured: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """`measured` as value, with the gradient of `analog`."""
    return _Valued.apply(analog, measured)


class _Valued(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, analog: Tensor, measured: Tensor) -> Tensor:
        return measured.view_as(analog)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None
