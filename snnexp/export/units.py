"""Neurons and their synapses as nodes."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from torch import nn

from snnexp.cell import Cell
from snnexp.export.graph import Graph, Part, Value
from snnexp.export.settings import Settings
from snnexp.export.titles import title
from snnexp.export.weights import array, linear
from snnexp.layers.recurrent import Feedback
from snnexp.layers.spiking import SpikingUnit
from snnexp.neurons.dynamics import Dynamics, Leaky

RESETS = {"hard": "zero", "soft": "subtract"}
"""What a spike does to the potential, as other programs call it."""


def obstacles(unit: nn.Module) -> Iterator[str]:
    """Why neurons cannot be written."""
    if not isinstance(unit, SpikingUnit):
        yield f"{type(unit).__name__} computes real numbers, and NIR has neurons that spike"
        return
    neuron = unit.neuron
    if not isinstance(neuron, Leaky):
        yield (
            "NIR has neurons with one leaky potential and a threshold that stands still, which "
            f"neuron {type(neuron).__name__} is not: {title(neuron)}"
        )
    elif not neuron.dynamics().gain:
        yield "its neurons get nothing of their current (a gain of 0), and never fire"
    elif neuron.dynamics().order == "fire_before":
        yield (
            "a neuron of NIR fires from the potential that the input of the same timestep has "
            "charged; train with neuron.order=fire_after"
        )
    for synapse in _synapses(unit):
        if getattr(synapse, "stages", None) is None:
            yield (
                "NIR has synapses that are filters of first order in a row, which "
                f"{type(synapse).__name__} is not: {title(synapse)}"
            )


def write_unit(
    graph: Graph, name: str, unit: SpikingUnit, value: Value, settings: Settings, layer: str
) -> Value:
    """The neurons of a unit behind a current; their spikes.

    Args:
        graph: where they are written.
        name: of the layer there.
        unit: what is written.
        value: the current.
        settings: see there.
        layer: its name in our network.
    """
    neuron = cast(Leaky, unit.neuron).dynamics()
    value = graph.settled(name, value)
    stages = [stage for synapse in _synapses(unit) for stage in synapse.stages]
    cuba = bool(stages) and neuron.leak < 1
    first = ""
    for place, stage in enumerate(stages[: len(stages) - cuba], 1):
        filtered = f"{name}_synapse{place}"
        value = graph.add(filtered, _filter(stage, value.shape, settings), value, value.shape)
        first = first or filtered
    part = _neuron(neuron, stages[-1] if cuba else None, value.shape, settings)
    part.metadata["layer"] = layer
    spikes = graph.add(f"{name}_neurons", part, value, value.shape, neuron.height)
    if unit.feedback is not None:
        _hear(graph, name, unit.feedback, spikes, first or f"{name}_neurons")
    return spikes


def _hear(graph: Graph, name: str, weights: nn.Linear, spikes: Value, target: str) -> None:
    """Edges from neurons over weights back to themselves."""
    graph.add(f"{name}_feedback", linear(weights, spikes.factor), spikes, spikes.shape)
    graph.hear(f"{name}_feedback", target)


def _synapses(unit: SpikingUnit) -> list[Cell]:
    """The cells before the neurons, but for those that hand on what they get."""
    *synapses, last = unit.cells.cells
    if isinstance(last, Feedback):
        synapses = [last.synapse]
    return [synapse for synapse in synapses if not synapse.identity]


def _filter(stage: float, shape: tuple[int, ...], settings: Settings) -> Part:
    """y <- y + (x - y) / stage."""
    fields = {
        "tau": _full(shape, settings.dt * stage),
        "r": _full(shape, 1.0),
        "v_leak": _full(shape, 0.0),
    }
    return Part("LI", fields)


def _neuron(
    neuron: Dynamics, stage: float | None, shape: tuple[int, ...], settings: Settings
) -> Part:
    """The neurons, by their leak and the time constant of the synapse that they have in one node.

    Their potentials are ours times a `unit`, by which r is what readers expect: 1 of a leaky
    neuron without synapse, tau_mem / dt of one with a synapse, 1 / dt of one that does not leak.
    """
    dt, kept = settings.dt, neuron.leak
    if kept == 1:
        fields = {"r": _full(shape, 1 / dt)}
        return _firing("IF", fields, neuron, 1 / neuron.gain, shape)
    fields = {"v_leak": _full(shape, 0.0)}
    if stage is None:
        fields |= {"tau": _full(shape, dt / (1 - kept)), "r": _full(shape, 1.0)}
        return _firing("LIF", fields, neuron, (1 - kept) / neuron.gain, shape)
    fields |= {
        "tau_syn": _full(shape, dt * stage),
        "tau_mem": _full(shape, dt / (1 - kept)),
        "r": _full(shape, 1 / (1 - kept)),
        "w_in": _full(shape, neuron.gain),
    }
    return _firing("CubaLIF", fields, neuron, 1.0, shape)


def _firing(
    kind: str,
    fields: dict[str, np.ndarray],
    neuron: Dynamics,
    unit: float,
    shape: tuple[int, ...],
) -> Part:
    """A neuron that fires at its threshold: NIR's fires above, so that its threshold is the largest
    number below ours. What NIR has no field for is metadata.
    """
    below = float(np.nextafter(np.float32(neuron.threshold * unit), np.float32(0)))
    fields |= {"v_threshold": _full(shape, below), "v_reset": _full(shape, 0.0)}
    beside: dict[str, Any] = {"reset": RESETS[neuron.reset]}
    initial = array(neuron.initial_potential) * np.float32(unit)
    if initial.any():
        beside["initial_potential"] = np.broadcast_to(initial, shape).copy()
    return Part(kind, fields, beside)


def _full(shape: tuple[int, ...], value: float) -> np.ndarray:
    return np.full(shape, value, np.float32)
