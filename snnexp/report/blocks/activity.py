"""The network at work: who fires when, and potentials."""

from collections.abc import Iterator

from snnexp.report.charts.raster import Raster
from snnexp.report.charts.traces import Traces
from snnexp.report.material import Glimpse, Material, Subject
from snnexp.report.parts import Block, Figure, Missing, Part

PLOTS = {
    "raster": "who fires when, for some images of the test set",
    "traces": "potentials of some neurons, for some images of the test set",
}
SHOWN = 4
"""Changes of an answer that are told."""


def block(material: Material) -> Block | None:
    """A raster and traces for each image that was looked at."""
    if not material.few:
        return None
    parts = [part for name, subject in material.named() for part in _parts(name, subject)]
    return Block("activity", "Spikes and potentials", tuple(parts))


def _parts(name: str, subject: Subject) -> Iterator[Part]:
    if not subject.glimpses:
        yield Missing(f"{name}: {subject.unseen or 'not looked at'}")
    for glimpse in subject.glimpses:
        yield Figure("raster", raster(name, glimpse))
        if glimpse.panels:
            yield Figure("traces", traces(name, glimpse))


def _answered(glimpse: Glimpse) -> str:
    """Such as `Image 3 of the test set is 5: answers 8 from t = 1, 5 from t = 2, right.`"""
    before = ("", *glimpse.answers)
    changes = [
        f"{answer or 'undecided'} from t = {step}"
        for step, answer in enumerate(glimpse.answers, 1)
        if answer != before[step - 1]
    ]
    said = ", ".join([*(["..."] if len(changes) > SHOWN else []), *changes[-SHOWN:]])
    right = "right" if glimpse.answers[-1:] == (glimpse.label,) else "wrong"
    return f"Image {glimpse.image} of the test set is {glimpse.label}: answers {said}, {right}."


def raster(name: str, glimpse: Glimpse) -> Raster:
    """Some neurons of every layer."""
    return Raster(
        title=f"Spikes for image {glimpse.image}, {name}",
        about=f"{_answered(glimpse)} A row to a neuron, those that fire most first; a mark for "
        "every spike.",
        timesteps=glimpse.timesteps,
        bands=glimpse.bands,
    )


def traces(name: str, glimpse: Glimpse) -> Traces:
    """Potentials of fewer neurons."""
    return Traces(
        title=f"Potentials for image {glimpse.image}, {name}",
        about="The potential after every timestep, reset included, with marks for spikes above; "
        "dashed the threshold, where a layer has one.",
        panels=glimpse.panels,
    )
