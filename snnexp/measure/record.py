"""Exact counts of spikes and synaptic operations, taken while a network runs."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from snnexp.cell import is_static
from snnexp.conversion.probe import See, watching
from snnexp.layers.analog import AnalogUnit
from snnexp.layers.signal import Accompanied, Real, Signal, Spikes
from snnexp.layers.spiking import SpikingUnit
from snnexp.measure.fan_out import fan_out, multiplications
from snnexp.measure.tally import Layer, Tally
from snnexp.network.network import Network
from snnexp.network.parts import spiking_units
from snnexp.network.wiring import Node, Wiring, wiring


@contextmanager
def recording(network: Network, since: int = 0) -> Iterator[Tally]:
    """Within the block, every call of `network` is counted into the tally; `tally.images` is for
    the caller to set.

    Spikes and accumulates are counted from timestep `since` on: of a code in windows one window,
    which is what an image costs. Works for chunks of timesteps: a static input is counted with the
    chunk that starts at timestep 0. For a network in evaluation mode.

    Along every edge of the network's wiring goes a signal: real numbers, or values with the spikes
    behind each. Every layer says in `passed` what it makes of the signals that it gets.

    Raises:
        TypeError: a layer of a spiking network does not say so.
    """
    recorder = _Recorder(network, since)
    beginning = network.register_forward_pre_hook(recorder.begin)
    units = spiking_units(network)
    _set_counting(units, True)
    try:
        with watching(recorder.observers()):
            yield recorder.tally
    finally:
        _set_counting(units, False)
        beginning.remove()


def _set_counting(units: dict[str, SpikingUnit], counting: bool) -> None:
    for unit in units.values():
        unit.cells.counting = counting


def encoding(encoder: nn.Module, images: Tensor) -> int:
    """Products of weights and pixels within an encoder, of one that has weights; the analog or
    timed form of it may stand in its place.
    """
    inner = getattr(encoder, "encoder", encoder)
    return inner.products(images) if hasattr(inner, "products") else 0


class _Recorder:
    """Counts chunk by chunk, node by node in the order of the forward pass."""

    def __init__(self, network: Network, since: int):
        self.wiring = wiring(network)
        self.spiking = network.form == "spiking"
        self.frames = _of_frames(self.wiring)
        self.tally = Tally()
        self.input = _Input()
        self.since = since
        self.skipped = 0  # timesteps of this chunk that are not counted
        self.first_chunk = True
        self.images: Tensor | None = None
        self.signals: dict[
            str, Signal
        ] = {}  # on the edges behind a node, until the last has been counted
        self.awaited = Counter[str]()  # how many of these are still to come
        self.before: dict[
            str, Tensor
        ] = {}  # the last output of what sends levels, whose changes are spikes
        self.active: dict[str, Tensor] = {}  # which neurons have fired for which image so far
        self.fan_outs: dict[str, Tensor] = {}

    def observers(self) -> dict[nn.Module, See]:
        """What is to be watched, and by whom."""
        count = {"encoder": self._encoded, "connection": self._weighted}
        if self.spiking:
            count |= {"unit": self._fired, "joint": self._joined}
            count |= {"pool": self._passed, "stream": self._passed}
        nodes = self.wiring.of(*count)
        if self.spiking:
            for node in nodes:
                _refuse_silence(node)
        return {_watched(node): partial(self._how(node, count), node) for node in nodes}

    def _how(self, node: Node, count: dict[str, Callable]) -> Callable:
        """How a node is counted: an analog unit in front of the neurons passes numbers on."""
        return self._passed if isinstance(node.layer, AnalogUnit) else count[node.kind]

    def begin(self, network: Network, arguments: tuple) -> None:
        """A chunk begins."""
        self.images, steps = arguments[0], arguments[1]
        self.first_chunk = steps.start == 0
        self.skipped = max(self.since - steps.start, 0)
        self.signals = {}
        self.awaited = Counter(source for source, target in self.wiring.edges)
        if self.first_chunk:
            self.input, self.before, self.active = _Input(), {}, {}

    def _encoded(self, node: Node, output: Tensor) -> None:
        encoder = node.module
        if self.first_chunk:
            products = encoding(encoder, self.images)
            self.tally.mac += products
            self.tally.mac_ann += products
        if encoder.spiking:
            self._send(node, self._sent_by(encoder, node.name, output))
        else:
            self._send(node, Real(self.input.multiplied(output, self.skipped)))

    def _fired(self, node: Node, output: Tensor) -> None:
        unit = node.module
        largest = getattr(unit.neuron, "largest", 1)
        layer = self.tally.layers.setdefault(
            node.name, Layer(output[0, 0].numel(), largest=largest)
        )
        counts = None if self.skipped else unit.cells.counts
        spikes = self._sent_by(unit.neuron, node.name, output, counts)
        layer.spikes = layer.spikes + spikes.totals.sum().to(torch.int64)
        layer.active = layer.active + self._newly_active(node.name, spikes.values, counts).sum()
        self._fed_back(unit, spikes, len(output[0]))
        self._send(node, spikes)

    def _fed_back(self, unit: SpikingUnit, spikes: Spikes, images: int) -> None:
        """Weights of a layer to itself: every spike reaches as many as the layer has neurons."""
        if unit.feedback is None:
            return
        self.tally.ac = self.tally.ac + spikes.totals.sum() * unit.feedback.out_features
        macs = images * unit.feedback.weight.numel()
        self.tally.mac_ann += macs if self.first_chunk else 0

    def _newly_active(self, name: str, values: Tensor, counts: Tensor | None) -> Tensor:
        fires = (values != 0).any(0) if counts is None else counts != 0
        before = self.active.get(name)
        self.active[name] = fires if before is None else fires | before
        return fires if before is None else fires & ~before

    def _sent_by(
        self, sender: nn.Module, name: str, output: Tensor, counts: Tensor | None = None
    ) -> Spikes:
        """What a neuron or an encoder sends.

        One that does not send a spike per value other than 0 says in `spikes` how many they are.
        `counts` are those of a fused kernel, `[B, *n]`.
        """
        values, skipped = self._counting(output), self.skipped
        if hasattr(sender, "spikes"):
            spikes = sender.spikes(output, self.before.get(name))
            self.before[name] = output[-1]
            return Spikes(values, behind=lambda: spikes[skipped:])
        if counts is not None:
            return Spikes(values, totals=lambda: counts.sum(0, dtype=torch.float64))
        return Spikes(values)

    def _weighted(self, node: Node, current: Tensor) -> None:
        connection = node.module
        macs = current.shape[1] * multiplications(connection.layer, current)
        self.tally.mac_ann += macs if self.first_chunk else 0
        if not self.spiking:
            self.tally.mac += macs if self.first_chunk else 0
            return
        (signal,) = arriving = self._arriving(node)
        if isinstance(signal, Accompanied):
            self.tally.mac += macs * signal.steps // signal.alike
            signal = signal.spikes
        if isinstance(signal, Real):
            self.tally.mac += macs * signal.steps
        elif len(signal.values):
            accumulates = (signal.totals * self._fan_out(node, signal)).sum()
            self.tally.ac = self.tally.ac + accumulates
            if self.frames.issuperset(node.sources):
                self.tally.frames_mac += macs * len(signal.values)
                self.tally.frames_ac = self.tally.frames_ac + accumulates
        self._send(node, connection.passed(arriving, self._counting(current)))

    def _fan_out(self, node: Node, spikes: Spikes) -> Tensor:
        if node.name not in self.fan_outs:
            self.fan_outs[node.name] = fan_out(node.module, spikes.values[0, :1])
        return self.fan_outs[node.name]

    def _joined(self, node: Node, output: Tensor) -> None:
        signals = self._arriving(node)
        for spikes in node.module.added(signals):
            self.tally.ac = self.tally.ac + spikes.totals.sum()
        self._send(node, node.module.passed(signals, self._counting(output)))

    def _passed(self, node: Node, output: Tensor) -> None:
        signals = self._arriving(node)
        self._send(node, node.layer.passed(signals, self._counting(output)))

    def _counting(self, output: Tensor) -> Tensor:
        """The timesteps of this chunk that count."""
        return output[self.skipped :] if self.skipped else output

    def _arriving(self, node: Node) -> list[Signal]:
        """The signals that a node gets, each of which is let go once the last has got it."""
        signals = [self.signals[source] for source in node.sources]
        self.awaited.subtract(node.sources)
        for source in node.sources:
            if not self.awaited[source]:
                self.signals.pop(source, None)
        return signals

    def _send(self, node: Node, signal: Signal) -> None:
        if self.awaited[node.name]:
            self.signals[node.name] = signal


class _Input:
    """Real input of the network chunk by chunk: what stands still is multiplied once."""

    def __init__(self) -> None:
        self.last: Tensor | None = None
        self.was_multiplied = False

    def multiplied(self, values: Tensor, skipped: int) -> int:
        """At how many timesteps weights multiply these, the first `skipped` not counted: those that
        are not as the one before.
        """
        changes = sum(self._changes(values)[skipped:])
        first = len(values) > skipped and not self.was_multiplied
        self.was_multiplied = self.was_multiplied or first
        self.last = values[-1]
        return max(changes, int(first))

    def _changes(self, values: Tensor) -> list[bool]:
        """Whether each timestep is another than the one before."""
        starts = not self._is_last(values[0])
        if is_static(values):
            return [starts] + [False] * (len(values) - 1)
        return [starts, *(values[1:] != values[:-1]).flatten(1).any(1).tolist()]

    def _is_last(self, values: Tensor) -> bool:
        if self.last is None:
            return False
        return values.data_ptr() == self.last.data_ptr() or torch.equal(values, self.last)


def _of_frames(wiring: Wiring) -> set[str]:
    """The nodes that send frames of events: the encoder, and what passes them on."""
    sending: set[str] = set()
    for node in wiring.nodes:
        passes = node.kind in ("pool", "stream") and sending.issuperset(node.sources)
        if passes or (node.kind == "encoder" and getattr(node.module, "by_frame", False)):
            sending.add(node.name)
    return sending


def _watched(node: Node) -> nn.Module:
    """What is run of a node whenever it is: a unit that saves memory goes round its connection."""
    return node.module.weights if node.kind == "connection" else node.module


def _refuse_silence(node: Node) -> None:
    """Raises where a layer does not say what it makes of spikes."""
    if node.kind in ("pool", "stream") and not hasattr(node.layer, "passed"):
        raise TypeError(
            f"{node.name}: {type(node.layer).__name__} does not say how it passes spikes on, "
            "so they cannot be counted behind it; give it a method `passed` as in layers/dropout.py"
        )
