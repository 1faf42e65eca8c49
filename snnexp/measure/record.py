"""Exact counts of spikes and synaptic operations, taken while a network runs."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import is_static
from snnexp.conversion.probe import See, watching
from snnexp.layers.analog import AnalogUnit
from snnexp.layers.signal import Accompanied, Real, Signal, Spikes
from snnexp.layers.spiking import SpikingUnit
from snnexp.measure.fan_out import fan_out, multiplications
from snnexp.measure.flow import Flow, Place
from snnexp.measure.tally import Layer, Tally
from snnexp.network.network import Network
from snnexp.network.parts import spiking_units
from snnexp.network.wiring import Node, Wiring, wiring


@contextmanager
def recording(network: Network, since: int = 0, by_timestep: bool = False) -> Iterator[Tally]:
    """Within the block, every call of `network` is counted into the tally; `tally.images` is for
    the caller to set.

    Spikes and accumulates are counted from timestep `since` on: of a code in windows one window,
    which is what an image costs. Works for chunks of timesteps: a static input is counted with the
    chunk that starts at timestep 0. For a network in evaluation mode.

    With `by_timestep`, `tally.flow` has what each timestep and image needs, for which all spikes
    are read once more.

    Along every edge of the network's wiring goes a signal: real numbers, or values with the spikes
    behind each. Every layer says in `passed` what it makes of the signals that it gets.

    Raises:
        TypeError: a layer of a spiking network does not say so.
    """
    recorder = _Recorder(network, since, by_timestep)
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

    def __init__(self, network: Network, since: int, by_timestep: bool):
        self.wiring = wiring(network)
        self.spiking = network.form == "spiking"
        self.frames = _of_frames(self.wiring)
        self.tally = Tally()
        self.flow = Flow(by_timestep)
        self.tally.flow = self.flow
        self.sizes: dict[str, int] = {}  # values that a node sends at a timestep
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
        else:
            count |= dict.fromkeys(("unit", "joint", "pool", "stream"), self._sized)
        nodes = self.wiring.of(*count)
        if self.spiking:
            for node in nodes:
                _refuse_silence(node)
        return {_watched(node): partial(self._how(node, count), node) for node in nodes}

    def _how(self, node: Node, count: dict[str, Callable]) -> Callable:
        """How a node is counted: an analog unit in front of the neurons passes numbers on."""
        in_front = self.spiking and isinstance(node.layer, AnalogUnit)
        return self._passed if in_front else count[node.kind]

    def begin(self, network: Network, arguments: tuple) -> None:
        """A chunk begins."""
        steps: range = arguments[1]
        self.first_chunk = steps.start == 0
        self.images = arguments[0]
        self.flow.begin(max(steps.start - self.since, 0))
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
            self._encoding(node.name, products // len(self.images), output)
        self._sized(node, output)
        if encoder.spiking:
            self._send(node, self._sent_by(encoder, node.name, output))
        else:
            self._send(node, Real(self.input.multiplied(output, self.skipped)))

    def _encoding(self, name: str, products: int, output: Tensor) -> None:
        """Products within the encoder, which has its images once."""
        if products:
            sizes = self.images[0].numel(), output[0, 0].numel()
            self.flow.synapses[name] = Place(products // sizes[1], *sizes)
            self.flow.mac_ann[name] = products
            self.flow.multiplied(name, products, 1, output[:1])

    def _sized(self, node: Node, output: Tensor) -> None:
        self.sizes[node.name] = output[0, 0].numel()

    def _fired(self, node: Node, output: Tensor) -> None:
        unit = node.module
        self._sized(node, output)
        largest = getattr(unit.neuron, "largest", 1)
        layer = self.tally.layers.setdefault(
            node.name, Layer(output[0, 0].numel(), largest=largest)
        )
        counts = None if self.skipped else unit.cells.counts
        spikes = self._sent_by(unit.neuron, node.name, output, counts)
        sent = self._reaching(spikes)
        layer.spikes = layer.spikes + sent.sum().to(torch.int64)
        self.flow.neurons[node.name] = Place(outputs=layer.neurons, leaks=forgets(unit.neuron))
        self.flow.came(node.name, sent)
        layer.active = layer.active + self._newly_active(node.name, spikes.values, counts).sum()
        self._fed_back(node, sent, len(output[0]))
        self._send(node, spikes)

    def _fed_back(self, node: Node, sent: Tensor, images: int) -> None:
        """Weights of a layer to itself: every spike reaches as many as the layer has neurons."""
        feedback = node.module.feedback
        if feedback is None:
            return
        weights = feedback.weight.numel()
        place = Place(weights, feedback.in_features, feedback.out_features)
        self._accumulated(f"{node.name}.feedback", place, sent * feedback.out_features)
        self.flow.mac_ann[f"{node.name}.feedback"] = weights
        self.tally.mac_ann += images * weights if self.first_chunk else 0

    def _reaching(self, spikes: Spikes, weights: Tensor | None = None) -> Float[Tensor, "t B"]:
        """How many weights spikes reach, `weights` from each place, else one: at each timestep and
        from each image, or in all.
        """
        counts = spikes.by_place if self.flow.by_timestep else spikes.totals[None, None]
        each = counts if weights is None else counts.to(torch.float64) * weights
        return each.flatten(2).sum(2, dtype=torch.float64)

    def _accumulated(self, name: str, place: Place, events: Tensor) -> None:
        """Accumulates of a part, `[T, B]`."""
        self.flow.synapses[name] = place
        self.flow.came(name, events)
        self.tally.ac = self.tally.ac + events.sum()

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
            return Spikes(
                values,
                totals=lambda: counts.sum(0, dtype=torch.float64),
                by_place=lambda: spikes_by_place(values, counts),
            )
        return Spikes(values)

    def _weighted(self, node: Node, current: Tensor) -> None:
        connection = node.module
        macs = multiplications(connection.layer, current)
        place = Place(
            connection.layer.weight.numel(), self._arriving_size(node), current[0, 0].numel()
        )
        self.flow.synapses[node.name], self.flow.mac_ann[node.name] = place, macs
        self._sized(node, current)
        self.tally.mac_ann += current.shape[1] * macs if self.first_chunk else 0
        if not self.spiking:
            self._multiplied(node, current, macs, int(self.first_chunk))
            return
        (signal,) = arriving = self._arriving(node)
        if isinstance(signal, Accompanied):
            self._multiplied(node, current, macs // signal.alike, signal.steps)
            signal = signal.spikes
        if isinstance(signal, Real):
            self._multiplied(node, current, macs, signal.steps)
        elif len(signal.values):
            reached = self._reaching(signal, self._fan_out(node, signal))
            self._accumulated(node.name, place, reached)
            if self.frames.issuperset(node.sources):
                self.tally.frames_mac += current.shape[1] * macs * len(signal.values)
                self.tally.frames_ac = self.tally.frames_ac + reached.sum()
        self._send(node, connection.passed(arriving, self._counting(current)))

    def _multiplied(self, node: Node, current: Tensor, macs: int, steps: int) -> None:
        """Multiply-accumulates of a part, `macs` for an image and timestep."""
        self.tally.mac += current.shape[1] * macs * steps
        self.flow.multiplied(node.name, macs, steps, self._counting(current))

    def _arriving_size(self, node: Node) -> int:
        """How many values come in at a timestep."""
        return sum(self.sizes.get(source, 0) for source in node.sources)

    def _fan_out(self, node: Node, spikes: Spikes) -> Tensor:
        if node.name not in self.fan_outs:
            self.fan_outs[node.name] = fan_out(node.module, spikes.values[0, :1])
        return self.fan_outs[node.name]

    def _joined(self, node: Node, output: Tensor) -> None:
        signals = self._arriving(node)
        self._sized(node, output)
        size = self.sizes[node.name]
        added = [self._reaching(spikes) for spikes in node.module.added(signals)]
        if added:
            self._accumulated(node.name, Place(0, size, size), sum(added[1:], added[0]))
        self._send(node, node.module.passed(signals, self._counting(output)))

    def _passed(self, node: Node, output: Tensor) -> None:
        self._sized(node, output)
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


def forgets(neuron: nn.Module) -> bool:
    """Whether a neuron forgets its input with time."""
    leak = getattr(neuron, "leak", 1.0)
    return bool(getattr(neuron, "leaks", False)) or float(leak) < 1.0


def spikes_by_place(values: Tensor, counts: Tensor) -> Float[Tensor, "T B 1 *places"]:
    """Spikes at each timestep and image, all channels of a place together, of neurons whose spikes
    are all of one height.

    The sum of the values is much faster than that of where they are not 0. It is exact for up to
    some thousand channels; that it comes to `counts`, `[B, *n]`, shows that there is one height.
    """
    if values.device.type == "cpu" and len(values):
        dtype = torch.float64 if values.dim() == 3 else torch.float32
        places = values.sum(2, keepdim=True, dtype=dtype)
        total, known = (each.sum(dtype=torch.float64) for each in (places, counts))
        if total != known:  # of another height than 1
            places = (places / values.amax().clamp(min=1e-30)).round()
            total = places.sum(dtype=torch.float64)
        if total == known:
            return places
    return (values != 0).sum(2, keepdim=True, dtype=torch.float64)


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
