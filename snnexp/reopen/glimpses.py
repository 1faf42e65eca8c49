"""A look into the network of a run: spikes and potentials of some neurons for some images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from snnexp.datasets.base import DataError
from snnexp.datasets.batches import Batch
from snnexp.errors import ConfigError
from snnexp.measure.answers import UNDECIDED, predicted
from snnexp.measure.at_work import AtWork, at_work, counts, threshold
from snnexp.measure.evaluator import Evaluator
from snnexp.network.parts import spiking_units
from snnexp.reopen.opened import Reopened
from snnexp.reopen.reopened import reopened
from snnexp.report.charts.raster import Band
from snnexp.report.charts.traces import Panel, Trace
from snnexp.report.material import Glimpse

LAYERS, NEURONS, TRACED = 6, 24, 3
"""Layers, neurons of each, and neurons whose potentials are drawn."""
TIMESTEPS = 256
"""Timesteps that are drawn."""


@dataclass(frozen=True)
class Look:
    """What is to be looked at.

    Args:
        images: numbers in the test set, from 0.
        layers: names; empty for some between the first and the last.
        neurons: numbers, counted over the layer, from 0; empty for some that fire.
    """

    images: tuple[int, ...]
    layers: tuple[str, ...] = ()
    neurons: tuple[int, ...] = ()


def glimpses(folder: Path, look: Look) -> tuple[Glimpse, ...]:
    """What the network of a finished run does with some images of the test set.

    Raises:
        ConfigError: it has no spikes over time, or no such layer.
        DataError: its data are not there, or have no such image.
    """
    run = reopened(folder)
    if run.network.form != "spiking":
        raise ConfigError(
            f"the network is of form {run.network.form}, which has no spikes over time"
        )
    batch = _batch(run, look.images)
    evaluator = _evaluator(run)
    chosen = _chosen(counts(run.network, batch, evaluator), look)
    return _glimpses(run, batch, look, at_work(run.network, batch, evaluator, chosen), chosen)


def _evaluator(run: Reopened) -> Evaluator:
    """That of networks of spikes, by which the run was evaluated."""
    by_form: Any = run.session.evaluator
    return by_form.evaluators[run.network.form]


def _batch(run: Reopened, images: Sequence[int]) -> Batch:
    """The images of the test set with these numbers."""
    known = len(run.session.test.split)
    for number in images:
        if not 0 <= number < known:
            raise DataError(f"no image {number}: the test set has those from 0 to {known - 1}")
    found: dict[int, Batch] = {}
    first = 0
    for batch in run.session.test.in_order():
        for number in images:
            if first <= number < first + len(batch.labels):
                place = slice(number - first, number - first + 1)
                found[number] = Batch(*(part[place] for part in batch))
        first += len(batch.labels)
        if first > max(images):
            break
    parts = zip(*(found[number] for number in images), strict=True)
    return Batch(*(torch.cat(part) for part in parts))


def _chosen(fired: dict[str, Tensor], look: Look) -> dict[str, Tensor]:
    """The neurons of every layer that is looked at, for each image."""
    unknown = [name for name in look.layers if name not in fired]
    if unknown:
        raise ConfigError(f"no layer {unknown[0]}: there are {', '.join(fired)}")
    layers = look.layers or _spread([*fired], LAYERS)
    return {name: _neurons(fired[name], look.neurons) for name in layers}


def _neurons(fired: Tensor, asked: tuple[int, ...]) -> Tensor:
    """Those asked for, as far as the layer has them; else such as fire, from the most to the least,
    and silent ones where these are too few.
    """
    known = [number for number in asked if number < fired.shape[1]]
    if known:
        return torch.tensor(known).expand(len(fired), -1)
    count = min(NEURONS, fired.shape[1])
    rows = []
    for each in fired:
        order = each.argsort(descending=True, stable=True)
        firing = max(int((each > 0).sum()), count)
        rows.append(order[torch.linspace(0, firing - 1, count).long()])
    return torch.stack(rows)


def _spread(names: list[str], count: int) -> list[str]:
    """The first, the last, and some between them."""
    if len(names) <= count:
        return names
    return [names[round(place * (len(names) - 1) / (count - 1))] for place in range(count)]


def _glimpses(
    run: Reopened, batch: Batch, look: Look, seen: AtWork, chosen: dict[str, Tensor]
) -> tuple[Glimpse, ...]:
    names = run.session.class_names
    return tuple(
        Glimpse(
            image,
            names[int(batch.labels[place])],
            tuple(_name(answer, names) for answer in predicted(seen.scores[:, place]).tolist()),
            tuple(_band(name, numbers[place], seen, place) for name, numbers in chosen.items()),
            tuple(_panels(run, place, seen, chosen)),
            min(len(seen.scores), TIMESTEPS),
        )
        for place, image in enumerate(look.images)
    )


def _name(answer: int, names: Sequence[str]) -> str | None:
    return None if answer == UNDECIDED else names[answer]


def _band(name: str, neurons: Tensor, seen: AtWork, place: int) -> Band:
    spikes = seen.spikes[name][:TIMESTEPS, place].T
    return Band(name, tuple(neurons.tolist()), tuple(map(_steps, spikes)))


def _panels(run: Reopened, place: int, seen: AtWork, chosen: dict[str, Tensor]) -> list[Panel]:
    units = spiking_units(run.network)
    return [
        Panel(name, _traces(name, neurons[place], seen, place), threshold(units[name]))
        for name, neurons in chosen.items()
        if seen.potentials[name] is not None
    ]


def _traces(name: str, neurons: Tensor, seen: AtWork, place: int) -> tuple[Trace, ...]:
    """Of the neurons that are watched the first, the last, and one between."""
    potentials, spikes = seen.potentials[name], seen.spikes[name]
    assert potentials is not None
    rows = sorted({round(share * (len(neurons) - 1) / (TRACED - 1)) for share in range(TRACED)})
    return tuple(
        Trace(
            int(neurons[row]),
            tuple(round(value, 5) for value in potentials[:TIMESTEPS, place, row].tolist()),
            _steps(spikes[:TIMESTEPS, place, row]),
        )
        for row in rows
    )


def _steps(fired: Tensor) -> tuple[int, ...]:
    return tuple((fired.nonzero().flatten() + 1).tolist())
