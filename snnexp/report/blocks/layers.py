"""Spikes of every layer."""

from snnexp.report.charts.bars import Bars
from snnexp.report.material import Material, Subject
from snnexp.report.parts import Block, Figure, Missing

PLOTS = {"layers": "spikes per neuron and image, layer by layer"}


def block(material: Material) -> Block | None:
    """A bar for each layer and run, where there are few runs."""
    if not material.few:
        return None
    spiking = {
        name: each for name, each in material.named() if each.run.result.last.spikes_by_layer
    }
    if not spiking:
        return Block("layers", "Spikes per layer", (Missing("No run has neurons that spike."),))
    return Block("layers", "Spikes per layer", (Figure("layers", chart(spiking)),))


def chart(subjects: dict[str, Subject]) -> Bars:
    """The bars; layers that have a name in common stand together."""
    spikes = {
        name: {
            layer: found.spikes_per_neuron
            for layer, found in (each.run.result.last.spikes_by_layer or {}).items()
        }
        for name, each in subjects.items()
    }
    layers = tuple(dict.fromkeys(layer for each in spikes.values() for layer in each))
    return Bars(
        title="Spikes per layer",
        about="Mean spikes of a neuron for a test image, by layer from the input on.",
        what="layer",
        value="spikes per neuron and image",
        categories=layers,
        series={name: tuple(each.get(layer) for layer in layers) for name, each in spikes.items()},
    )
