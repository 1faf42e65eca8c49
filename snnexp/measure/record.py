"""Exact counts of spikes and synaptic operations, taken by hooks while a network runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnexp.cell import Over, is_static
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.concatenation import Concatenation
from snnexp.layers.connection import Connection, Sum
from snnexp.layers.elementwise import Elementwise
from snnexp.layers.per_step import PerStep
from snnexp.layers.spiking import SpikingUnit
from snnexp.layers.squeeze_excitation import SqueezeExcitation
from snnexp.layers.window_maximum import WindowMaximum
from snnexp.measure.fan_out import fan_out, multiplications
from snnexp.measure.tally import Layer, Tally
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units


@contextmanager
def recording(network: Network, since: int = 0) -> Iterator[Tally]:
    """Within the block, every call of `network` is counted into the tally; `tally.images` is for the caller to set.

    Spikes and accumulates are counted from timestep `since` on: of a code in windows one window, which is what an image costs.
    Works for chunks of timesteps: a static input is counted with the chunk that starts at timestep 0. For a network in evaluation mode.
    """
    recorder = _Recorder(network, since)
    hooks = [network.register_forward_pre_hook(recorder.started), network.encoder.register_forward_hook(recorder.encoded)]
    units = spiking_units(network)
    hooks += [unit.register_forward_hook(partial(recorder.fired, name)) for name, unit in units.items()]
    for connection in connections(network).values():
        # Not on the connection itself, which a unit that saves memory goes round.
        hooks.append(connection.before.register_forward_hook(partial(recorder.sent, connection)))
        hooks.append(connection.weights.register_forward_hook(partial(recorder.weighted, connection)))
    hooks += [pool.register_forward_hook(recorder.pooled) for pool in _lone_pools(network)]
    hooks += [pool.register_forward_hook(recorder.carried) for pool in _window_maxima(network)]
    hooks += [shortcut.register_forward_hook(recorder.passed) for shortcut in _shortcuts(network)]
    hooks += [stream.register_forward_hook(recorder.streamed) for stream in _streams(network)]
    for joint in _joints(network):
        hooks += [branch.register_forward_hook(partial(recorder.branched, joint)) for branch in joint.branches]
        hooks.append(joint.register_forward_hook(recorder.joined))
    _set_counting(units, True)
    try:
        yield recorder.tally
    finally:
        _set_counting(units, False)
        for hook in hooks:
            hook.remove()


def _set_counting(units: dict[str, SpikingUnit], counting: bool) -> None:
    for unit in units.values():
        unit.cells.counting = counting


def encoding(encoder: nn.Module, images: Tensor) -> int:
    """Products of weights and pixels within an encoder, of one that has weights; the analog or timed form of it may stand in its place."""
    inner = getattr(encoder, "encoder", encoder)
    return inner.products(images) if hasattr(inner, "products") else 0


class _Recorder:
    """What the hooks of one recording share. Tensors are known by identity: dropout in evaluation hands on the tensor it got."""

    def __init__(self, network: Network, since: int):
        self.tally = Tally()
        self.since = since
        self.skipped = 0  # timesteps of this chunk that are not counted
        self.before: dict[str, Tensor] = {}  # the last output of what sends levels, whose changes are spikes
        self.active: dict[str, Tensor] = {}  # which neurons have fired for which image so far
        self.real_input = not network.encoder.spiking
        self.spiking = network.form == "spiking"
        self.input: Tensor | None = None
        self.first_chunk = True
        self.real: dict[int, tuple[Tensor, int]] = {}  # real values, and at how many timesteps they are multiplied
        self.pools: dict[int, tuple[Tensor, Tensor]] = {}  # what a pool gave, and how many spikes are behind each value
        self.counts: dict[int, tuple[Tensor, Tensor]] = {}  # spikes, and how many each neuron sent of them, all images together
        self.inputs: dict[Connection, Tensor] = {}
        self.branches: dict[nn.Module, list[Tensor]] = {}  # what the branches of a joint gave
        self.fan_outs: dict[Connection, Tensor] = {}

    def started(self, network: Network, arguments: tuple) -> None:
        self.first_chunk = arguments[1].start == 0
        self.skipped = max(self.since - arguments[1].start, 0)
        self.real, self.pools, self.counts = {}, {}, {}
        self.before = {} if self.first_chunk else self.before
        self.active = {} if self.first_chunk else self.active

    def encoded(self, encoder: nn.Module, arguments: tuple, output: Tensor) -> None:
        if self.first_chunk:
            products = encoding(encoder, arguments[0])
            self.tally.mac, self.tally.mac_ann = self.tally.mac + products, self.tally.mac_ann + products
        if not self.real_input:
            self._sent_by(encoder, "", output)
            return
        # A chunk of one timestep has no stride over time to tell a static input; that it is the memory of the chunk before does.
        static = is_static(output) or (len(output) == 1 and not self.first_chunk and output.data_ptr() == self.input.data_ptr())
        self.input = output
        self.real[id(output)] = output, int(self.first_chunk) if static else max(len(output) - self.skipped, 0)

    def fired(self, name: str, unit: SpikingUnit, arguments: tuple, spikes: Tensor) -> None:
        layer = self.tally.layers.setdefault(name, Layer(spikes[0, 0].numel(), largest=getattr(unit.neuron, "largest", 1)))
        self._sent_by(unit.neuron, name, spikes)
        if unit.cells.counts is not None and not self.skipped and id(spikes) not in self.pools:
            self.counts[id(spikes)] = spikes, unit.cells.counts.sum(0, dtype=torch.float64)
        layer.spikes = layer.spikes + self._sent_from(spikes).sum().to(torch.int64)
        layer.active = layer.active + self._newly_active(name, unit, spikes).sum()

    def _newly_active(self, name: str, unit: SpikingUnit, spikes: Tensor) -> Tensor:
        fused = unit.cells.counts is not None and not self.skipped
        fires = unit.cells.counts != 0 if fused else (spikes[self.skipped :] != 0).any(0)
        before = self.active.get(name)
        self.active[name] = fires if before is None else fires | before
        return fires if before is None else fires & ~before

    def _sent_by(self, sender: nn.Module, name: str, output: Tensor) -> None:
        """Asks what does not send one spike per value other than 0 how many spikes are behind its output."""
        if hasattr(sender, "spikes"):
            self.pools[id(output)] = output, sender.spikes(output, self.before.get(name))
            self.before[name] = output[-1]

    def pooled(self, pool: PerStep, arguments: tuple, output: Tensor) -> None:
        (x,) = arguments
        if id(x) in self.real:
            self.real[id(output)] = output, self.real[id(x)][1]
        elif id(x) in self.pools or any(isinstance(module, AveragePool) for module in pool):
            self.pools[id(output)] = output, _summed(pool, self._spikes(x))

    def carried(self, pool: Over, arguments: tuple, output: Tensor) -> None:
        """Of spikes it sends spikes, but the largest of real values is real."""
        (x,) = arguments
        if id(x) in self.real:
            self.real[id(output)] = output, self.real[id(x)][1]

    def passed(self, shortcut: nn.Module, arguments: tuple, output: Tensor) -> None:
        (x,) = arguments
        if self.spiking and id(x) not in self.real:
            # What picks values picks the spikes behind them too; of other senders the values themselves tell.
            spikes = _summed(shortcut, self._spikes(x)) if id(x) in self.pools and isinstance(shortcut, PerStep) else self._spikes(output)
            self.tally.ac = self.tally.ac + spikes[self.skipped :].sum(dtype=torch.float64)

    def streamed(self, stream: nn.Module, arguments: tuple, output: Tensor) -> None:
        if self.spiking:
            self.real[id(output)] = output, max(len(output) - self.skipped, 0)

    def branched(self, joint: nn.Module, branch: nn.Module, arguments: tuple, output: Tensor) -> None:
        self.branches.setdefault(joint, []).append(output)

    def joined(self, joint: Concatenation | Elementwise, arguments: tuple, output: Tensor) -> None:
        spikes = [self._spikes(branch) for branch in self.branches.pop(joint)]
        self.pools[id(output)] = output, torch.cat(spikes, 2) if isinstance(joint, Concatenation) else sum(map(Tensor.float, spikes))

    def sent(self, connection: Connection, before: nn.Module, arguments: tuple, output: Tensor) -> None:
        self.inputs[connection] = arguments[0]

    def weighted(self, connection: Connection, weights: PerStep, arguments: tuple, current: Tensor) -> None:
        x = self.inputs.pop(connection)
        macs = x.shape[1] * multiplications(connection.layer, current)
        self.tally.mac_ann += macs if self.first_chunk else 0
        if not self.spiking:
            self.tally.mac += macs if self.first_chunk else 0
        elif id(x) in self.real:
            self.tally.mac += macs * self.real[id(x)][1]
        else:
            self.tally.ac = self.tally.ac + self._accumulations(connection, x)

    def _accumulations(self, connection: Connection, x: Tensor) -> Tensor:
        if connection not in self.fan_outs:
            self.fan_outs[connection] = fan_out(connection, x[0, :1])
        return (self._sent_from(x) * self.fan_outs[connection]).sum()

    def _sent_from(self, x: Tensor) -> Tensor:
        """How many spikes each position of `x` sent, of all timesteps that count and all images."""
        if id(x) in self.counts:
            return self.counts[id(x)][1]
        return self._spikes(x)[self.skipped :].sum((0, 1), dtype=torch.float64)

    def _spikes(self, x: Tensor) -> Tensor:
        """How many spikes are behind each value of `x`."""
        return self.pools[id(x)][1] if id(x) in self.pools else x.detach() != 0


def _lone_pools(network: Network) -> list[PerStep]:
    """Pools that are no part of a connection: those that take maxima, and those with dropout between them and the weights."""
    befores = [connection.before for connection in connections(network).values()]
    steps = [module for module in network.modules() if isinstance(module, PerStep) and module not in befores]
    return [module for module in steps if any(isinstance(each, AveragePool | nn.MaxPool2d) for each in module)]


def _window_maxima(network: Network) -> list[Over]:
    loops = [module for module in network.modules() if isinstance(module, Over)]
    return [loop for loop in loops if any(isinstance(cell, WindowMaximum) for cell in loop.cells)]


def _shortcuts(network: Network) -> list[nn.Module]:
    branches = [branch for module in network.modules() if isinstance(module, Sum) for branch in module.branches]
    return [branch for branch in branches if not connections(branch)]


def _streams(network: Network) -> list[nn.Module]:
    """What gives real values that no neuron turns into spikes before the next weights."""
    units = spiking_units(network)
    free = [module for name, module in network.named_modules() if not any(name.startswith(f"{unit}.") for unit in units)]
    return [module for module in free if isinstance(module, Connection | Sum | SqueezeExcitation)]


def _joints(network: Network) -> list[Concatenation | Elementwise]:
    """What sends on the spikes of several branches, with as many behind each value."""
    adding = [module for module in network.modules() if isinstance(module, Elementwise) and module.function == "add"]
    return adding + [module for module in network.modules() if isinstance(module, Concatenation)]


def _summed(pool: PerStep, spikes: Tensor) -> Tensor:
    """The spikes `[T, B, C, H, W]` behind each value that `pool` makes of them: all of a window averaged, the most of a maximum."""
    counts = spikes.flatten(0, 1).to(torch.float32)
    for module in pool:
        counts = functional.avg_pool2d(counts, module.window, divisor_override=1) if isinstance(module, AveragePool) else module(counts)
    return counts.unflatten(0, spikes.shape[:2])
