"""Training, stage by stage."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from snnexp.report.charts.lines import Lines, Look, Place, Series
from snnexp.report.material import Material
from snnexp.report.parts import Block, Figure, Missing, Part

PLOTS = {"training": "accuracy and loss by epoch, a picture for each stage"}
LOOKS: dict[str, Look] = {"test": "line", "validation": "dotted", "train": "dashed"}
MOST = 16
"""Stages that are drawn."""
MEASURES = {"accuracy": "accuracy (%)", "loss": "loss"}


def block(material: Material) -> Block | None:
    """Two pictures for each stage of several epochs, with all runs in them."""
    if not material.few:
        return None
    stages = dict.fromkeys(
        str(record["stage"]) for each in material.subjects for record in each.records
    )
    parts: list[Part] = [
        Figure("training", chart)
        for stage in islice(stages, MOST)
        for measure in MEASURES
        if (chart := _chart(material, stage, measure)) is not None
    ]
    known = "No stage was trained for several epochs."
    none = Missing(
        known if stages else "No records of epochs beside these results (metrics.jsonl)."
    )
    return Block("training", "Training", tuple(parts) or (none,))


def _chart(material: Material, stage: str, measure: str) -> Lines | None:
    series = [
        each
        for number, (name, subject) in enumerate(material.named())
        for each in _series(subject.records, stage, measure, name, number)
    ]
    if not any(len({place.x for place in each.places}) > 1 for each in series):
        return None
    return Lines(
        title=f"{stage}: {measure}",
        about=f"{measure.capitalize()} by epoch; dashed on training images, dotted on validation.",
        x="epoch",
        y=MEASURES[measure],
        series=tuple(series),
        whole=True,
        percent=measure == "accuracy",
    )


def _series(
    records: tuple[Mapping[str, Any], ...], stage: str, measure: str, name: str, number: int
) -> Iterator[Series]:
    own = [record for record in records if record["stage"] == stage]
    for split, look in LOOKS.items():
        places = tuple(
            Place(record["epoch"], float(value))
            for record in own
            if isinstance(value := record.get(f"{split}/{measure}"), int | float)
        )
        if places:
            yield Series(f"{name}, {split}", places, number, look)
