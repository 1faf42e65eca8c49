"""The network: encoder, body, output neurons, readout; and the blueprint from which every form of it is built."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from snnexp.cell import Cell, Over
from snnexp.layers.analog import AnalogUnit
from snnexp.layers.connection import Connection, fold
from snnexp.layers.spiking import SpikingUnit

Unit = Callable[[nn.Module], nn.Module]
"""From a connection (spikes to current) to a module from spikes to spikes."""


class Network(nn.Module):
    """Images to running class scores: `logits[t]` is what the network says having seen timesteps 0..t.

    Args:
        encoder: images, timesteps and keys to the network's input `[T, B, C, H, W]`.
        body: input to the current of the output layer `[T, B, N]`.
        output: output neurons where the readout reads spikes, else `nn.Identity()`.
        readout: output layer to scores `[T, B, K]`.
    """

    def __init__(self, encoder: nn.Module, body: nn.Module, output: nn.Module, readout: Cell):
        super().__init__()
        self.encoder = encoder
        self.body = body
        self.output = output
        self.readout = Over(readout)
        self.to(memory_format=torch.channels_last)  # pooling and half-precision convolutions are several times faster in this layout

    def forward(self, images: Float[Tensor, "B C H W"], steps: range, keys: Int[Tensor, "B"]) -> Float[Tensor, "T B K"]:
        current = self.body(self.encoder(images, steps, keys))
        current = current.to(torch.promote_types(current.dtype, torch.float32))
        return self.readout(self.output(current))


class Analog(nn.Module):
    """What the analog form sees in place of an encoder: the image itself, as one timestep."""

    spiking = False

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Float[Tensor, "B C H W"], steps: range, keys: Int[Tensor, "B"]) -> Float[Tensor, "T B *n"]:
        return self.encoder.analog(images)


@dataclass(frozen=True)
class Blueprint:
    """Everything a network is made of, as factories, so that each form can be built anew with weights of the same names."""

    encoder: nn.Module
    architecture: Callable[..., nn.Module]
    norm: Callable[..., nn.Module]
    synapse: Callable[[], Cell]
    neuron: Callable[[], Cell]
    readout: Callable[[], Cell]
    shape: tuple[int, int, int]
    classes: int

    def spiking(self) -> Network:
        """The spiking form: every unit is a synapse and a neuron."""
        readout = self.readout()
        output = self._spiking_unit(nn.Identity()) if readout.spiking else nn.Identity()
        return Network(self.encoder, self._body(self._spiking_unit, readout), output, readout)

    def analog(self, activation: Callable[[], nn.Module] = nn.ReLU) -> Network:
        """The analog form: every unit is an activation function; evaluated at T = 1."""
        readout = self.readout()
        return Network(Analog(self.encoder), self._body(lambda c: AnalogUnit(c, activation()), readout), nn.Identity(), readout)

    def _spiking_unit(self, connection: nn.Module) -> nn.Module:
        return SpikingUnit(connection, self.synapse(), self.neuron())

    def _body(self, unit: Unit, readout: Cell) -> nn.Module:
        shape = self.encoder.shape(self.shape)
        return self.architecture(unit=unit, norm=self.norm, shape=shape, features=readout.features(self.classes))


def connections(network: nn.Module) -> dict[str, Connection]:
    """Every connection by name, in the order of the forward pass."""
    return {name: module for name, module in _inner_first(network) if isinstance(module, Connection)}


def spiking_units(network: nn.Module) -> dict[str, SpikingUnit]:
    """Every unit that emits spikes by name, in the order of the forward pass."""
    return {name: module for name, module in _inner_first(network) if isinstance(module, SpikingUnit)}


def _inner_first(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    # named_modules visits the second unit of a residual block before the first, which lies inside the second's connection.
    for name, child in module.named_children():
        yield from _inner_first(child, f"{prefix}{name}.")
    yield prefix.removesuffix("."), module


def is_spiking(network: Network) -> bool:
    """Whether the network is in spiking form (its units fire) rather than analog form."""
    return bool(spiking_units(network))


def transfer(source: Network, target: Network) -> None:
    """Copies connections (weights and norms) and encoder from one form to another; what belongs to neurons stays.

    Raises:
        RuntimeError: the two forms do not have the same connections; nothing is loaded partially.
    """
    ours, theirs = connections(source), connections(target)
    if ours.keys() != theirs.keys():
        raise RuntimeError(f"forms differ in their connections: {sorted(ours.keys() ^ theirs.keys())}")
    for name, connection in ours.items():
        if isinstance(connection.norm, nn.Identity) and not isinstance(theirs[name].norm, nn.Identity):
            fold(theirs[name])
        theirs[name].load_state_dict(connection.state_dict(), strict=True)


def set_lean(network: nn.Module, lean: bool) -> None:
    """Whether training keeps as little as it can for the backward pass (bits for spikes, no normalised currents) at some time."""
    for connection in connections(network).values():
        connection.lean = lean


def fold_norms(network: nn.Module) -> None:
    """Folds every norm of the network into its weights, in place."""
    for connection in connections(network).values():
        fold(connection)
