"""Potentials over time."""

from collections.abc import Iterator
from dataclasses import dataclass

from snnexp.report.charts.base import Chart, Row


@dataclass(frozen=True)
class Trace:
    """One neuron over time.

    Args:
        neuron: its number, counted over the layer.
        potential: after every timestep, the reset included.
        spikes: the timesteps at which it fires, from 1 on.
    """

    neuron: int
    potential: tuple[float, ...]
    spikes: tuple[int, ...]


@dataclass(frozen=True)
class Panel:
    """Some neurons of a layer; `threshold` where all of it have one."""

    name: str
    traces: tuple[Trace, ...]
    threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class Traces(Chart):
    """Potentials over time, layer below layer."""

    panels: tuple[Panel, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return ("layer", "neuron", "timestep", "potential", "spike")

    def rows(self) -> Iterator[Row]:
        for panel in self.panels:
            for trace in panel.traces:
                for step, potential in enumerate(trace.potential, 1):
                    yield panel.name, trace.neuron, step, potential, int(step in trace.spikes)
