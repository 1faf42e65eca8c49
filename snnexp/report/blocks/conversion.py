"""A conversion, layer by layer."""

from snnexp.report.charts.bars import Bars
from snnexp.report.material import Material
from snnexp.report.parts import Block, Figure, Grid
from snnexp.results.parts import LayerFidelity

PLOTS = {"conversion": "how well the layers of a converted network stand for those of the ANN"}
HEAD = ("layer", "threshold", "full scale", "spikes per neuron", "saturated", "dead", "mse")


def block(material: Material) -> Block | None:
    """A picture and a table for each conversion."""
    if not material.few:
        return None
    found = [
        (f"{name}, stage {stage}", result.conversion)
        for name, subject in material.named()
        for stage, result in subject.run.result.stages.items()
        if result.conversion
    ]
    figures = [Figure("conversion", chart(name, layers)) for name, layers in found]
    tables = [Grid(HEAD, _rows(layers), f"Layers of {name}") for name, layers in found]
    return Block("conversion", "Conversion", (*figures, *tables)) if found else None


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


def _rows(layers: dict[str, LayerFidelity]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            name,
            *map(_digits, (layer.threshold, layer.full_scale, layer.rate)),
            *map(_percent, (layer.saturated, layer.dead)),
            _digits(layer.mse),
        )
        for name, layer in layers.items()
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
