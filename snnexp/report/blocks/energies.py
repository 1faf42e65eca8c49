"""Energy by several models, at T and at every timestep, the ANN beside it."""

from collections.abc import Iterator

from snnexp.report.charts.lines import Lines, Place, Series
from snnexp.report.lines import in_units
from snnexp.report.material import Material, Subject
from snnexp.report.parts import Block, Figure, Grid, Part, Words
from snnexp.results.parts import Energy

PLOTS = {"energies": "accuracy against energy at every timestep, by each energy model"}
HEAD = ("run", "model", "SNN", "ANN", "SNN / ANN", "ANN, fewer bits", "SNN / that")
ENDS = 20
"""Ratio of the ends of an axis from which it is logarithmic."""

Named = tuple[str, Subject]


def block(material: Material) -> Block | None:
    """A picture for each model that tells of every timestep, and a table of all."""
    known = [(name, each) for name, each in material.named() if each.run.result.last.energies]
    if not known or not material.few:
        return None
    models = dict.fromkeys(model for _, each in known for model in energies(each))
    parts: list[Part] = []
    for model in models:
        series = tuple(_series(known, model))
        if series:
            parts.append(Figure("energies", chart(model, series)))
    sources = {model: energies(each)[model].source for _, each in known for model in energies(each)}
    table = Grid(HEAD, tuple(_rows(known)))
    words = (Words(f"{model}: {source or 'no source named'}") for model, source in sources.items())
    return Block("energies", "Energy by model", (*parts, table, *words))


def energies(subject: Subject) -> dict[str, Energy]:
    """Those of a run, by the names of the models."""
    return subject.run.result.last.energies or {}


def chart(model: str, series: tuple[Series, ...]) -> Lines:
    """Accuracy against energy, a point for each timestep."""
    values = [place.x for each in series for place in each.places]
    return Lines(
        title=f"Accuracy against energy, {model}",
        about="A point for each timestep t: test accuracy, and energy of an image that is stopped "
        "then; rings the ANN, at full precision and with activations of fewer bits.",
        x="energy per image",
        y="test accuracy (%)",
        series=series,
        unit="J",
        logarithmic=max(values) / min(values) >= ENDS,
    )


def _series(known: list[Named], model: str) -> Iterator[Series]:
    for number, (name, each) in enumerate(known):
        last, energy = each.run.result.last, energies(each).get(model)
        if energy is None or not energy.joule_by_timestep:
            continue
        pairs = zip(energy.joule_by_timestep, last.accuracy_by_timestep, strict=False)
        places = tuple(Place(x, y) for x, y in pairs if x and y is not None)
        if places:
            yield Series(name, places, number)
            yield from _anns(name, energy, last.ann_accuracy, number)


def _anns(name: str, energy: Energy, accuracy: float | None, number: int) -> Iterator[Series]:
    known = sorted(x for x in (energy.ann_joule, energy.ann_bits_joule) if x)
    if known and accuracy is not None:
        places = tuple(Place(x, accuracy) for x in known)
        yield Series(f"ANN of {name}", places, number, "hollow")


def _rows(known: list[Named]) -> Iterator[tuple[str, ...]]:
    for name, each in known:
        for model, energy in energies(each).items():
            bits = "" if energy.ann_bits is None else f" ({energy.ann_bits} bits)"
            ann, fewer = energy.ann_joule, energy.ann_bits_joule
            cheap = _joule(fewer) + (bits if fewer else "")
            ratios = (_ratio(energy.joule, ann), _ratio(energy.joule, fewer))
            yield name, model, _joule(energy.joule), _joule(ann), ratios[0], cheap, ratios[1]


def _joule(value: float | None) -> str:
    return "" if value is None else in_units(value, "J")


def _ratio(value: float | None, other: float | None) -> str:
    return f"{value / other:.3g}" if value is not None and other else ""
