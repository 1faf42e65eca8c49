"""A spiking network at work: what single neurons do, timestep by timestep."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from snnexp.cell import streaming
from snnexp.conversion.probe import See, watching
from snnexp.datasets.batches import Batch
from snnexp.layers.recurrent import Feedback
from snnexp.layers.spiking import SpikingUnit
from snnexp.measure.evaluator import Evaluator, autocast, in_evaluation
from snnexp.network.network import Network
from snnexp.network.parts import spiking_units
from snnexp.stopping import look_if_alone

Seen = dict[nn.Module, See]


@dataclass(frozen=True)
class AtWork:
    """Some neurons of every layer, and what the network answers.

    Args:
        spikes: of every layer `[T, B, N]`, N the neurons that were asked for; not 0 for a spike.
        potentials: of the same, after every timestep, the reset included; None of neurons that keep
            none.
        scores: `[T, B, K]`.
    """

    spikes: dict[str, Tensor]
    potentials: dict[str, Tensor | None]
    scores: Tensor


def counts(network: Network, batch: Batch, evaluator: Evaluator) -> dict[str, Tensor]:
    """How often each neuron of every layer fires, `[B, N]`, for every image of a batch."""
    found: dict[str, Tensor] = {}

    def add(name: str, output: Tensor) -> None:
        fired = (output != 0).sum(0).flatten(1)
        found[name] = found[name] + fired if name in found else fired

    units = spiking_units(network)
    seen: Seen = {unit: partial(add, name) for name, unit in units.items()}
    for _ in _readings(network, batch, evaluator, evaluator.chunk, seen):
        pass
    return found


def at_work(
    network: Network, batch: Batch, evaluator: Evaluator, neurons: dict[str, Tensor]
) -> AtWork:
    """What some neurons do.

    Args:
        network: of spikes over time.
        batch: what it is shown.
        evaluator: how it is read.
        neurons: of every layer that is to be watched, the numbers of neurons for each image,
            `[B, N]`.
    """
    units = {name: unit for name, unit in spiking_units(network).items() if name in neurons}
    spikes: dict[str, list[Tensor]] = {name: [] for name in units}
    potentials: dict[str, list[Tensor | None]] = {name: [] for name in units}
    scores = []

    def keep(name: str, output: Tensor) -> None:
        spikes[name].append(_of(neurons[name], output[0]))

    seen: Seen = {unit: partial(keep, name) for name, unit in units.items()}
    for reading in _readings(network, batch, evaluator, 1, seen):
        scores.append(reading)
        for name, unit in units.items():
            state = potential(unit, len(batch.labels))
            potentials[name].append(None if state is None else _of(neurons[name], state))
    return AtWork(
        {name: torch.stack(each) for name, each in spikes.items()},
        {name: _stacked(each) for name, each in potentials.items()},
        torch.cat(scores),
    )


def potential(unit: SpikingUnit, samples: int) -> Tensor | None:
    """The potentials `[B, *n]` of the neurons of a unit within `streaming`: their state, or the
    first of it.
    """
    if unit.cells.states is None or not getattr(unit.neuron, "keeps_potential", True):
        return None
    state = unit.cells.states[-1]
    if isinstance(unit.cells.cells[-1], Feedback):
        state = state[-1]
    first = state[0] if isinstance(state, tuple) else state
    return first if isinstance(first, Tensor) and first.shape[:1] == (samples,) else None


def threshold(unit: SpikingUnit) -> float | None:
    """The threshold against which these potentials are held, where it is one number that stays."""
    value = getattr(getattr(unit.neuron, "firing", None), "threshold", None)
    return float(value) if isinstance(value, Tensor) and value.numel() == 1 else None


def _of(neurons: Tensor, values: Tensor) -> Tensor:
    return values.flatten(1).gather(1, neurons.to(values.device)).float().cpu()


def _stacked(values: list[Tensor | None]) -> Tensor | None:
    known = [value for value in values if value is not None]
    return torch.stack(known) if len(known) == len(values) and known else None


def _readings(
    network: Network, batch: Batch, evaluator: Evaluator, chunk: int, seen: Seen
) -> Iterator[Tensor]:
    """The scores of every chunk of timesteps at which a network is read, shown to those in `seen`;
    hidden timesteps before them are not.
    """
    hidden = evaluator.presimulation.hidden_timesteps(network)

    def present(steps: range) -> None:
        for part in _chunks(steps, chunk):
            network(batch.input, part, batch.keys)

    with (
        in_evaluation(network),
        streaming(network),
        autocast(batch.input.device, evaluator.precision),
    ):
        if hidden:
            evaluator.presimulation(network, present)
        with watching(seen):
            for part in _chunks(range(hidden, hidden + evaluator.timesteps), chunk):
                look_if_alone()
                yield network(batch.input, part, batch.keys).scores.float().cpu()


def _chunks(steps: range, length: int) -> Iterator[range]:
    return (steps[start : start + length] for start in range(0, len(steps), length))
