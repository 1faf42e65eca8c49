"""What an accuracy should not be read without: layers that are silent or saturated, images without
an answer, one answer for all.
"""

from collections.abc import Iterator

from snnexp.measure.evaluator import Evaluation
from snnexp.measure.tally import Layer, Tally

SATURATED = 0.99
"""Share of the timesteps at which the neurons that fire at all do so, above which spikes say no
more than that.
"""
UNDECIDED = 1.0
"""Percent of the images without an answer above which a result says so."""


def flags(evaluation: Evaluation) -> list[str]:
    """The flags of a result, each a word and what it is about: `silent: body.layer1`."""
    found = [] if evaluation.tally is None else idle(evaluation.tally)
    if evaluation.undecided > UNDECIDED:
        found.append(f"undecided: {evaluation.undecided:.1f} % of the images")
    return [*found, *_trivial(evaluation.answers)]


def idle(tally: Tally) -> list[str]:
    """The layers whose neurons never fire, or fire at every timestep if they fire at all."""
    return [
        f"{word}: {name}" for name, layer in tally.layers.items() if (word := _word(layer, tally))
    ]


def _word(layer: Layer, tally: Tally) -> str:
    spikes, steps = int(layer.spikes), tally.timesteps
    if not spikes:
        return "silent"
    if steps is None:  # neurons that fire once at most
        return ""
    firing = (
        int(layer.active) if steps > 1 else layer.neurons * tally.images
    )  # at one timestep, firing at all is firing always
    return "saturated" if spikes > SATURATED * firing * steps * layer.largest else ""


def _trivial(answers: list[int]) -> Iterator[str]:
    given = [place for place, count in enumerate(answers) if count]
    if len(given) == 1 and len(answers) > 1 and sum(answers) > 1:
        yield f"trivial: class {given[0]} is the only answer"
