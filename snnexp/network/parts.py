"""The parts of a network by name, in the order of the forward pass."""

from collections.abc import Iterator

from torch import nn

from snnexp.layers.analog import AnalogUnit
from snnexp.layers.concatenation import Concatenation
from snnexp.layers.connection import Connection, Sum
from snnexp.layers.elementwise import Elementwise
from snnexp.layers.spiking import SpikingUnit
from snnexp.layers.window_mean import WindowMean
from snnexp.neurons.windowed import Windowed


def connections(network: nn.Module) -> dict[str, Connection]:
    """Every connection by name, in the order of the forward pass."""
    return {name: module for name, module in inner_first(network) if isinstance(module, Connection)}


def spiking_units(network: nn.Module) -> dict[str, SpikingUnit]:
    """Every unit that emits spikes by name, in the order of the forward pass."""
    return {name: module for name, module in inner_first(network) if isinstance(module, SpikingUnit)}


def analog_units(network: nn.Module) -> dict[str, AnalogUnit]:
    """Every unit with an activation function by name, in the order of the forward pass."""
    return {name: module for name, module in inner_first(network) if isinstance(module, AnalogUnit)}


def inner_first(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Every module by name, those within another before it."""
    # named_modules visits the second unit of a residual block before the first, which lies inside the second's connection.
    for name, child in module.named_children():
        yield from inner_first(child, f"{prefix}{name}.")
    yield prefix.removesuffix("."), module


def depth(module: nn.Module) -> int:
    """Number of spiking units, and of values held between them, one behind the other on the longest path through `module`."""
    if isinstance(module, SpikingUnit):
        return depth(module.connection) + 1
    if isinstance(module, WindowMean):
        return 1
    depths = [depth(child) for child in module.children()]
    if isinstance(module, Sum | Concatenation | Elementwise | nn.ModuleList):
        return max(depths, default=0)
    return sum(depths)


def code_window(network: nn.Module) -> int | None:
    """Timesteps of a window where the network codes in windows, of which an image takes one in every layer."""
    return next((unit.neuron.window for unit in spiking_units(network).values() if isinstance(unit.neuron, Windowed)), None)


def set_lean(network: nn.Module, lean: bool) -> None:
    """Whether training keeps as little as it can for the backward pass (bits for spikes, no normalised currents) at some time."""
    for connection in connections(network).values():
        connection.lean = lean
