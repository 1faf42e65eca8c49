"""Who fires when."""

from collections.abc import Iterator
from dataclasses import dataclass

from snnexp.report.charts.base import Chart, Row


@dataclass(frozen=True)
class Band:
    """Some neurons of a layer.

    Args:
        name: of the layer.
        neurons: their numbers, counted over the layer.
        spikes: of each, the timesteps at which it fires, from 1 on.
    """

    name: str
    neurons: tuple[int, ...]
    spikes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Raster(Chart):
    """Spikes over time, a row to a neuron, layer below layer.

    Args:
        timesteps: how many are shown.
        bands: of the layers, from the input on.
    """

    timesteps: int
    bands: tuple[Band, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return ("layer", "neuron", "timestep")

    def rows(self) -> Iterator[Row]:
        for band in self.bands:
            for neuron, spikes in zip(band.neurons, band.spikes, strict=True):
                for step in spikes:
                    yield band.name, neuron, step
