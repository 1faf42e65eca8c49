"""What a timed network costs and shows: spikes until the decision, and accuracy against resolution
and latency in discrete time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.datasets.batches import Batch, Batches
from snnexp.distributed import gathered
from snnexp.measure.fan_out import fan_out
from snnexp.measure.record import encoding
from snnexp.measure.tally import Layer, Tally
from snnexp.network.network import Network
from snnexp.ranks import nearest
from snnexp.timed.body import timed_layers
from snnexp.timed.delays import terminals
from snnexp.timed.discrete import clocked, output_of

COARSEST = 8
"""Timesteps of the coarsest resolution."""


def through_time(
    network: Network, batches: Batches, timesteps: int
) -> tuple[Tally, dict[str, Any]]:
    """One exact pass that counts, and passes in discrete time of `timesteps` and halves of it down
    to `COARSEST`.

    With several processes each goes through its images, and all come to the figures of all images
    together. The timesteps cover the time within which 99.9 percent of the exact decisions fall; a
    neuron on a grid has all of its horizon. `accuracy_by_timestep` is read at the finest
    resolution: the class of the earliest spike, before it that of the largest potential. Of several
    earliest spikes that of the largest potential counts, where the exact `accuracy` takes two
    classes at one time as wrong. Of windowed neurons `timesteps_per_layer` are those of a window;
    an image takes `windows`, `timesteps` in all, the last to answer.
    """
    exact = _Exact(network)
    for batch in _batches(batches):
        exact.see(batch)
    exact.gather()
    span = exact.span()
    table = [
        _pass(network, batches, span, steps, curve=steps == timesteps)
        for steps in _halves(timesteps)
    ]
    curve = table[-1].pop("curve")
    for row in table:
        row.pop("curve", None)
    found = {
        "timesteps": timesteps,
        "accuracy_by_timestep": curve,
        "resolution": table,
        **exact.shown(),
    }
    return exact.tally, _in_windows(found) if next(timed_layers(network))[
        2
    ].neuron.windowed else found


def _in_windows(found: dict[str, Any]) -> dict[str, Any]:
    """Of windowed neurons the passes have gone through one window: an image takes as many as there
    are layers, and one for the input.
    """
    windows, steps = len(found["spikes_by_layer_until_decision"]) + 1, found["timesteps"]
    table = [
        {**row, "timesteps": windows * row["timesteps"], "timesteps_per_layer": row["timesteps"]}
        for row in found["resolution"]
    ]
    for row in (row for row in table if row["decision_step"] is not None):
        row["decision_step"] += row["timesteps"] - row["timesteps_per_layer"]
    curve = [None] * (steps * (windows - 1)) + found["accuracy_by_timestep"]
    whole = {
        "timesteps": windows * steps,
        "timesteps_per_layer": steps,
        "accuracy_by_timestep": curve,
        "resolution": table,
    }
    return found | whole | {"windows": windows}


def _halves(timesteps: int) -> list[int]:
    steps = [timesteps]
    while steps[0] // 2 >= COARSEST:
        steps.insert(0, steps[0] // 2)
    return steps


def _batches(batches: Batches) -> Iterator[Batch]:
    with torch.no_grad():
        yield from batches.in_order()


def _total(own: tuple) -> Iterator[Any]:
    """Each number, tensor or list of `own`, those of all processes added up or one behind the
    other.
    """
    return (reduce(add, each) for each in zip(*gathered(own), strict=True))


@dataclass
class _Exact:
    """Counts of the exact pass."""

    network: Network
    tally: Tally = field(default_factory=Tally)
    early: dict[str, int] = field(init=False)
    decisions: list[Tensor] = field(default_factory=list)
    among_first: int = 0
    tied: int = 0

    def __post_init__(self) -> None:
        self.early = dict.fromkeys((name for name, *_ in timed_layers(self.network)), 0)

    def gather(self) -> None:
        """Takes in what other processes have counted."""
        own = self.tally.images, self.among_first, self.tied, self.decisions, *self.early.values()
        self.tally.images, self.among_first, self.tied, self.decisions, *early = _total(own)
        self.early = dict(zip(self.early, early, strict=True))
        self.tally.gather()

    def see(self, batch: Batch) -> None:
        """Counts a batch."""
        seen: list[tuple] = []
        layers = list(timed_layers(self.network))
        hooks = [
            timed.register_forward_hook(
                lambda _, given, out: seen.append((given[0], given[1], out))
            )
            for timed in {e[2] for e in layers}
        ]
        self.network(batch.input, range(1), batch.keys)
        products = encoding(self.network.encoder, batch.input)
        self.tally.mac, self.tally.mac_ann = (
            self.tally.mac + products,
            self.tally.mac_ann + products,
        )
        for hook in hooks:
            hook.remove()
        first, neuron = seen[-1][2][0].amin(1), layers[-1][2].neuron
        for (name, connection, _, _), (_, inputs, outputs) in zip(layers, seen, strict=True):
            hidden = outputs is not seen[-1][2]
            until = torch.full_like(first, neuron.horizon) if neuron.windowed and hidden else first
            self._count(name, connection, inputs[0], outputs[0], until, neuron.horizon)
        self._decide(seen[-1][2][0], first, batch.labels, neuron.horizon)

    def _count(
        self,
        name: str,
        connection: nn.Module,
        inputs: Tensor,
        outputs: Tensor,
        until: Tensor,
        horizon: float,
    ) -> None:
        layer = self.tally.layers.setdefault(name, Layer(outputs[0].numel()))
        layer.spikes += int((outputs < horizon).sum())
        until = until.clamp(max=horizon).view(-1, *[1] * (outputs.dim() - 1))
        self.early[name] += int((outputs < until).sum())
        reached = fan_out(connection, inputs[:1]) * terminals(connection)
        self.tally.ac += float(((inputs < horizon).sum(0, dtype=torch.float64) * reached).sum())
        weights = connection.layer.weight.numel() * (
            outputs[0, 0].numel() if outputs.dim() == 4 else 1
        )
        self.tally.mac_ann += len(inputs) * weights

    def _decide(
        self,
        outputs: Float[Tensor, "B K"],
        first: Float[Tensor, "B"],
        labels: Tensor,
        horizon: float,
    ) -> None:
        earliest = (outputs == first[:, None]) & (outputs < horizon)
        self.among_first += int(earliest.gather(1, labels[:, None]).sum())
        self.tied += int((earliest.sum(1) > 1).sum())
        self.decisions.append(torch.where(first < horizon, first, torch.inf).cpu())
        self.tally.images += len(labels)

    def span(self) -> float:
        """The time that discrete passes cover."""
        neuron = next(timed_layers(self.network))[2].neuron
        decided = torch.cat(self.decisions)
        decided = decided[decided.isfinite()]
        if neuron.forced or neuron.windowed or not len(decided):
            return neuron.horizon
        return max(float(decided.kthvalue(nearest(99.9, len(decided))).values), 1e-3)

    def shown(self) -> dict[str, Any]:
        """What the result file says of it."""
        times, images = torch.cat(self.decisions), self.tally.images
        decided = times[times.isfinite()].sort().values
        neurons = sum(layer.neurons for layer in self.tally.layers.values())
        at = {"median": 50.0, "p95": 95.0}
        neuron = next(timed_layers(self.network))[2].neuron
        before = len(self.early) * neuron.horizon if neuron.windowed else 0.0
        return {
            "accuracy_ties_as_correct": 100.0 * self.among_first / images,
            "ties": 100.0 * self.tied / images,
            "unanswered": 100.0 * (images - len(decided)) / images,
            "decision_time": {
                key: before + float(decided[nearest(percentile, len(decided)) - 1])
                if len(decided)
                else None
                for key, percentile in at.items()
            },
            "spikes_per_neuron_until_decision": sum(self.early.values()) / images / neurons,
            "spikes_by_layer_until_decision": {
                name: count / images / self.tally.layers[name].neurons
                for name, count in self.early.items()
            },
        }


def _pass(
    network: Network, batches: Batches, span: float, steps: int, curve: bool
) -> dict[str, Any]:
    """One pass in discrete time: what it shows at its end, and with `curve` after each timestep."""
    step, correct, tied, undecided, images = (
        span / steps,
        torch.zeros(steps, dtype=torch.float64),
        0,
        0,
        0,
    )
    decisions: list[Tensor] = []
    with clocked(network.body, step, steps):
        for batch in _batches(batches):
            output = output_of(
                network.body, network.encoder(batch.input, range(1), batch.keys), step
            )
            made = output.decisions()
            for place in range(steps) if curve else [steps - 1]:
                correct[place] += int((output.labels_at(place + 1, made) == batch.labels).sum())
            late = made.step > steps
            tied, undecided = tied + int((made.tied & ~late).sum()), undecided + int(late.sum())
            decisions.append(made.step[~late].cpu())
            images += len(batch.labels)
    correct, tied, undecided, images, decisions = _total(
        (correct, tied, undecided, images, decisions)
    )
    accuracies, made = (correct * (100.0 / images)).tolist(), torch.cat(decisions)
    row = {
        "timesteps": steps,
        "step": step,
        "accuracy": accuracies[-1],
        "ties": 100.0 * tied / images,
        "undecided": 100.0 * undecided / images,
    }
    return (
        row
        | {"decision_step": float(made.mean()) if len(made) else None}
        | ({"curve": accuracies} if curve else {})
    )
