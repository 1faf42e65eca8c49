"""The network: encoder, body, output neurons, readout; and the blueprint from which every form of it is built."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from snnexp.activations.relu import ReLU
from snnexp.cell import Cell, Over
from snnexp.layers.analog import AnalogUnit
from snnexp.layers.concatenation import Concatenation
from snnexp.layers.connection import Connection, Sum, absorb, fold
from snnexp.layers.count import CountUnit
from snnexp.layers.elementwise import Elementwise
from snnexp.layers.in_windows import put_in_windows
from snnexp.layers.spiking import SpikingUnit
from snnexp.layers.window_mean import WindowMean
from snnexp.neurons.windowed import Windowed
from snnexp.timed.body import Earliest, is_timed
from snnexp.timed.form import Form, Times
from snnexp.timed.neuron import TimedNeuron

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
    activation: Callable[[], nn.Module] = ReLU
    timing: Form | None = None

    def spiking(self) -> Network:
        """The spiking form: every unit is a synapse and a neuron."""
        readout = self.readout()
        output = self._spiking_unit(nn.Identity()) if readout.spiking else nn.Identity()
        body = self._body(self._spiking_unit, readout)
        coded = next((unit.neuron for unit in spiking_units(body).values() if isinstance(unit.neuron, Windowed)), None)
        if coded is not None:
            put_in_windows(body, coded, self.synapse)
        return Network(self.encoder, body, output, readout)

    def analog(self, activation: Callable[[], nn.Module] | None = None) -> Network:
        """The analog form: every unit is an activation function, that of the blueprint unless another is given; evaluated at T = 1."""
        readout, activation = self.readout(), activation or self.activation
        return Network(Analog(self.encoder), self._body(lambda c: AnalogUnit(c, activation()), readout), nn.Identity(), readout)

    def timed(self) -> Network:
        """The timed form: every unit answers spike times with spike times.

        Raises:
            ValueError: something in the blueprint has no timed form; the message says what to set instead.
        """
        neuron = self.neuron()
        if self.timing is None or not isinstance(neuron, TimedNeuron):
            raise ValueError("the timed form needs neurons that fire once; set neuron=if_exp, and strategy=single_spike")
        readout = Earliest(neuron.horizon)
        body = self._body(lambda connection: self.timing.unit(connection, neuron), readout)
        if neuron.windowed:  # what an analog network has learned fits in: without norms, with biases
            absorb_norms(body)
        return Network(Times(self.encoder), self.timing.body(body, neuron), nn.Identity(), readout)

    def counting(self, spiking: Network, rule: Callable[[Cell, bool], nn.Module]) -> Network:
        """The count form of a spiking network: units that stand for spike trains as a whole, on the connections of `spiking`.

        `rule` makes what stands for neurons of them; it is told whether they are the output.
        """
        with torch.device("meta"):  # weights of its own would be thrown away
            readout = self.readout()
            output = CountUnit(nn.Identity()) if readout.spiking else nn.Identity()
            network = Network(nn.Identity(), self._body(CountUnit, readout), output, readout)
        network.readout = spiking.readout
        for name, connection in connections(spiking).items():
            network.set_submodule(name, connection)
        for name, unit in count_units(network).items():
            unit.rule = rule(spiking_units(spiking)[name].neuron, unit is network.output)
        return network

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


def count_units(network: nn.Module) -> dict[str, CountUnit]:
    """Every unit in count form by name, in the order of the forward pass."""
    return {name: module for name, module in _inner_first(network) if isinstance(module, CountUnit)}


def analog_units(network: nn.Module) -> dict[str, AnalogUnit]:
    """Every unit with an activation function by name, in the order of the forward pass."""
    return {name: module for name, module in _inner_first(network) if isinstance(module, AnalogUnit)}


def _inner_first(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    # named_modules visits the second unit of a residual block before the first, which lies inside the second's connection.
    for name, child in module.named_children():
        yield from _inner_first(child, f"{prefix}{name}.")
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


def is_spiking(network: Network) -> bool:
    """Whether the network is in spiking form (its units fire) rather than analog form."""
    return bool(spiking_units(network))


def form_of(network: Network) -> str:
    """The form of the network by name: spiking, timed or analog."""
    return "spiking" if is_spiking(network) else "timed" if is_timed(network) else "analog"


def transfer(source: Network, target: Network) -> None:
    """Copies connections (weights and norms) from one form to another; the encoder is shared, what belongs to neurons stays.

    Raises:
        RuntimeError: the two forms do not have the same connections with tensors of the same shapes; then nothing has been copied.
    """
    ours, theirs = connections(source), connections(target)
    if ours.keys() != theirs.keys():
        raise RuntimeError(f"forms differ in their connections: {sorted(ours.keys() ^ theirs.keys())}")
    faults = [fault for name, connection in ours.items() for fault in _mismatches(name, connection, theirs[name])]
    if faults:
        raise RuntimeError("\n".join(["forms differ in their weights:", *faults]))
    for name, connection in ours.items():
        if _is_folded(connection, theirs[name]):
            fold(theirs[name])
        theirs[name].load_state_dict(connection.state_dict(), strict=True)


def _is_folded(source: Connection, target: Connection) -> bool:
    return isinstance(source.norm, nn.Identity) and not isinstance(target.norm, nn.Identity)


def _mismatches(name: str, source: Connection, target: Connection) -> Iterator[str]:
    given, wanted = ({key: value.shape for key, value in each.state_dict().items()} for each in (source, target))
    if _is_folded(source, target):  # which leaves a bias in place of the norm
        wanted = {key: shape for key, shape in wanted.items() if not key.startswith("norm.")}
        wanted["weights.0.bias"] = wanted["weights.0.weight"][:1]
    for key in sorted(given.keys() | wanted.keys()):
        if given.get(key) != wanted.get(key):
            said = (" x ".join(map(str, shape)) if shape is not None else "not there" for shape in (given.get(key), wanted.get(key)))
            yield "  {}.{}: size mismatch, {} in the source, {} in the target".format(name, key, *said)


def set_lean(network: nn.Module, lean: bool) -> None:
    """Whether training keeps as little as it can for the backward pass (bits for spikes, no normalised currents) at some time."""
    for connection in connections(network).values():
        connection.lean = lean


def absorb_norms(network: nn.Module) -> None:
    """Folds every norm of the network into its weights, in place, and gives weights without a bias one."""
    for connection in connections(network).values():
        absorb(connection)


def fold_norms(network: nn.Module) -> None:
    """Folds every norm of the network into its weights, in place."""
    for connection in connections(network).values():
        fold(connection)
