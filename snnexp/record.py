"""Exact counts of spikes and synaptic operations, taken by hooks while a network runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnexp.cell import is_static
from snnexp.distributed import summed
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.connection import Connection, Sum
from snnexp.layers.per_step import PerStep
from snnexp.layers.spiking import SpikingUnit
from snnexp.network import Network, connections, is_spiking, spiking_units

MAC_JOULE = 4.6e-12
AC_JOULE = 0.9e-12
ENERGY_MODEL = "45 nm CMOS, 0.9 V, float32: 4.6 pJ per multiply-accumulate, 0.9 pJ per accumulate (Horowitz 2014)"


@dataclass
class Layer:
    """Totals of one layer over all images and timesteps seen."""

    neurons: int = 0
    spikes: int | Tensor = 0  # stays on the device until it is read


@dataclass
class Tally:
    """Counts over all images seen.

    A multiply-accumulate (MAC) is a weight times a real number; an accumulate (AC) is a weight added because a spike arrived.
    AC are exact: every spike, of either sign, times the number of weights it reaches from its position, borders included. An average
    pool is linear, so a spike passes it to the weights behind, whether the two are one connection or dropout stands between them.
    A shortcut without weights adds every spike that passes it once. Biases, leaks and resets are not counted.
    MAC follow the convention k^2 C_in C_out H W (borders counted as if padded, shortcuts without weights free). A real-valued input
    that does not change with time is multiplied once per image; one that changes, at every timestep.
    Source: Dampfhoffer et al. 2023, energy values of [21].
    """

    layers: dict[str, Layer] = field(default_factory=dict)
    images: int = 0
    mac: int = 0
    ac: float | Tensor = 0.0
    mac_ann: int = 0

    def gather(self) -> None:
        """Adds up the counts of all processes, each of which has seen other images; `images` is the total already."""
        device = self.ac.device if isinstance(self.ac, Tensor) else "cpu"
        spikes = [float(layer.spikes) for layer in self.layers.values()]
        self.mac, self.mac_ann, ac, *spikes = summed(self.mac, self.mac_ann, float(self.ac), *spikes, device=device)
        self.ac = ac
        for layer, count in zip(self.layers.values(), spikes, strict=True):
            layer.spikes = int(count)

    def spikes_by_layer(self) -> dict[str, dict[str, int | float]]:
        """Per layer: number of neurons, mean spikes per neuron and inference."""
        return {
            name: {"neurons": layer.neurons, "spikes_per_neuron": int(layer.spikes) / (layer.neurons * self.images)}
            for name, layer in self.layers.items()
        }

    def spikes_per_inference(self) -> float:
        """Mean number of spikes of all spiking neurons per image."""
        return sum(int(layer.spikes) for layer in self.layers.values()) / self.images

    def spikes_per_neuron(self) -> float | None:
        """The survey's figure: spikes per inference over the number of spiking neurons; None for a network without them."""
        neurons = sum(layer.neurons for layer in self.layers.values())
        return self.spikes_per_inference() / neurons if neurons else None

    def operations(self) -> dict[str, float | str]:
        """Operations and energy per image, those of the analog network of the same shape beside them."""
        mac, ac, mac_ann = self.mac / self.images, float(self.ac) / self.images, self.mac_ann / self.images
        return {
            "mac": mac,
            "ac": ac,
            "mac_ann": mac_ann,
            "energy_joule": mac * MAC_JOULE + ac * AC_JOULE,
            "energy_ann_joule": mac_ann * MAC_JOULE,
            "energy_model": ENERGY_MODEL,
        }


@contextmanager
def recording(network: Network) -> Iterator[Tally]:
    """Within the block, every call of `network` is counted into the tally; `tally.images` is for the caller to set.

    Works for chunks of timesteps: a static input is counted with the chunk that starts at timestep 0. For a network in evaluation mode.
    """
    recorder = _Recorder(network)
    hooks = [network.register_forward_pre_hook(recorder.started), network.encoder.register_forward_hook(recorder.encoded)]
    hooks += [unit.register_forward_hook(partial(recorder.fired, name)) for name, unit in spiking_units(network).items()]
    for connection in connections(network).values():
        # Not on the connection itself, which a unit that saves memory goes round.
        hooks.append(connection.before.register_forward_hook(partial(recorder.sent, connection)))
        hooks.append(connection.weights.register_forward_hook(partial(recorder.weighted, connection)))
    hooks += [pool.register_forward_hook(recorder.pooled) for pool in _lone_pools(network)]
    hooks += [shortcut.register_forward_hook(recorder.passed) for shortcut in _shortcuts(network)]
    try:
        yield recorder.tally
    finally:
        for hook in hooks:
            hook.remove()


class _Recorder:
    """What the hooks of one recording share. Tensors are known by identity: dropout in evaluation hands on the tensor it got."""

    def __init__(self, network: Network):
        self.tally = Tally()
        self.real_input = not network.encoder.spiking
        self.spiking = is_spiking(network)
        self.input: Tensor | None = None
        self.first_chunk = True
        self.steps = 0  # timesteps at which the real-valued input of this chunk is multiplied
        self.real: dict[int, Tensor] = {}
        self.pools: dict[int, tuple[Tensor, Tensor]] = {}  # what a pool gave, and how many spikes are behind each value
        self.inputs: dict[Connection, Tensor] = {}
        self.fan_outs: dict[Connection, Tensor] = {}

    def started(self, network: Network, arguments: tuple) -> None:
        self.first_chunk = arguments[1].start == 0
        self.real, self.pools = {}, {}

    def encoded(self, encoder: nn.Module, arguments: tuple, output: Tensor) -> None:
        if not self.real_input:
            return
        # A chunk of one timestep has no stride over time to tell a static input; that it is the memory of the chunk before does.
        static = is_static(output) or (len(output) == 1 and not self.first_chunk and output.data_ptr() == self.input.data_ptr())
        self.steps = int(self.first_chunk) if static else len(output)
        self.input = self.real[id(output)] = output

    def fired(self, name: str, unit: SpikingUnit, arguments: tuple, spikes: Tensor) -> None:
        layer = self.tally.layers.setdefault(name, Layer(neurons=spikes[0, 0].numel()))
        layer.spikes = layer.spikes + torch.count_nonzero(spikes)

    def pooled(self, pool: PerStep, arguments: tuple, output: Tensor) -> None:
        (x,) = arguments
        if id(x) in self.real:
            self.real[id(output)] = output
        elif id(x) in self.pools or any(isinstance(module, AveragePool) for module in pool):
            self.pools[id(output)] = output, _summed(pool, self._spikes(x))

    def passed(self, shortcut: nn.Module, arguments: tuple, output: Tensor) -> None:
        if self.spiking and id(arguments[0]) not in self.real:
            self.tally.ac = self.tally.ac + self._spikes(output).sum(dtype=torch.float64)

    def sent(self, connection: Connection, before: nn.Module, arguments: tuple, output: Tensor) -> None:
        self.inputs[connection] = arguments[0]

    def weighted(self, connection: Connection, weights: PerStep, arguments: tuple, current: Tensor) -> None:
        x = self.inputs.pop(connection)
        macs = x.shape[1] * _multiplications(connection.layer, current)
        self.tally.mac_ann += macs if self.first_chunk else 0
        if not self.spiking:
            self.tally.mac += macs if self.first_chunk else 0
        elif id(x) in self.real:
            self.tally.mac += macs * self.steps
        else:
            self.tally.ac = self.tally.ac + self._accumulations(connection, x)

    def _accumulations(self, connection: Connection, x: Tensor) -> Tensor:
        if connection not in self.fan_outs:
            self.fan_outs[connection] = fan_out(connection, x[0, :1])
        return (self._spikes(x).sum((0, 1), dtype=torch.float64) * self.fan_outs[connection]).sum()

    def _spikes(self, x: Tensor) -> Tensor:
        """How many spikes are behind each value of `x`."""
        return self.pools[id(x)][1] if id(x) in self.pools else x.detach() != 0


def _lone_pools(network: Network) -> list[PerStep]:
    """Pools that are no part of a connection: those that take maxima, and those with dropout between them and the weights."""
    befores = [connection.before for connection in connections(network).values()]
    steps = [module for module in network.modules() if isinstance(module, PerStep) and module not in befores]
    return [module for module in steps if any(isinstance(each, AveragePool | nn.MaxPool2d) for each in module)]


def _shortcuts(network: Network) -> list[nn.Module]:
    branches = [branch for module in network.modules() if isinstance(module, Sum) for branch in module.branches]
    return [branch for branch in branches if not connections(branch)]


def _summed(pool: PerStep, spikes: Tensor) -> Tensor:
    """The spikes `[T, B, C, H, W]` behind each value that `pool` makes of them: all of a window averaged, the most of a maximum."""
    counts = spikes.flatten(0, 1).to(torch.float32)
    for module in pool:
        counts = functional.avg_pool2d(counts, module.window, divisor_override=1) if isinstance(module, AveragePool) else module(counts)
    return counts.unflatten(0, spikes.shape[:2])


def _multiplications(layer: nn.Conv2d | nn.Linear, current: Tensor) -> int:
    positions = current[0, 0, 0].numel() if isinstance(layer, nn.Conv2d) else 1
    return layer.weight.numel() * positions


def fan_out(connection: Connection, x: Tensor) -> Tensor:
    """How many weights a spike at each position of `x` `[1, *n]` reaches; broadcasts against `[*n]`, float64."""
    layer = connection.layer
    with torch.enable_grad():
        plane = torch.ones_like(x[:, :1], dtype=torch.float64, requires_grad=True)
        reached = _reached(connection, plane)
        (count,) = torch.autograd.grad(reached.sum(), plane)
    return count[0] * (layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels // layer.groups)


def _reached(connection: Connection, plane: Tensor) -> Tensor:
    layer = connection.layer
    for module in () if isinstance(connection.before, nn.Identity) else connection.before:
        if isinstance(module, AveragePool):
            plane = functional.avg_pool2d(plane, module.window, divisor_override=1)
    if isinstance(layer, nn.Linear):
        return plane * 1  # not the very tensor, so that the gradient reaches it
    kernel = torch.ones(1, 1, *layer.kernel_size, dtype=torch.float64, device=plane.device)
    return functional.conv2d(plane, kernel, None, layer.stride, layer.padding, layer.dilation)
