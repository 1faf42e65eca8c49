"""A conversion, layer by layer."""

from collections.abc import Iterator

from snnexp.report.charts.bars import Bars
from snnexp.report.material import Material, Subject
from snnexp.report.parts import Block, Figure, Grid, Part
from snnexp.results.parts import LayerFidelity

PLOTS = {"conversion": "how well the layers of a converted network stand for those of the ANN"}
HEAD = ("layer", "threshold", "full scale", "spikes per neuron", "saturated", "dead", "mse")


def block(material: Material) -> Block | None:
    """A picture and a table for each conversion."""
    if not material.few:
        return None
    parts = [part for name, subject in material.named() for part in _parts(name, subject)]
    return Block("conversion", "Conversion", tuple(parts)) if parts else None


def _parts(name: str, subject: Subject) -> Iterator[Part]:
    for stage, result in subject.run.result.stages.items():
        if result.conversion:
            yield Figure("conversion", chart(f"{name}, stage {stage}", result.conversion))
            rows = tuple(map(_row, result.conversion.items()))
            yield Grid(HEAD, rows, f"Layers of {name}, stage {stage}")


def chart(name: str, layers: dict[str, LayerFidelity]) -> Bars:
    """Correlation with the activations, and shares of neurons that say too little."""
    measures = ("correlation", "saturated", "dead")
    return Bars(
        title=f"Conversion, {name}",
        about="On training images: correlation of firing rates with the activations of the ANN, "
        "share of neurons that fire at T - 1 timesteps or more, and for no image.",
        what="layer",
        value="correlation, and shares of neurons",
        categories=tuple(layers),
        series={
            each: tuple(getattr(layer, each) for layer in layers.values()) for each in measures
        },
        most=1.0,
    )


def _row(item: tuple[str, LayerFidelity]) -> tuple[str, ...]:
    name, layer = item
    shares = (layer.saturated, layer.dead)
    return (
        name,
        *map(_digits, (layer.threshold, layer.full_scale, layer.rate)),
        *("" if share is None else f"{100 * share:.1f} %" for share in shares),
        _digits(layer.mse),
    )


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
