"""A look into the network of a run: spikes and potentials of some neurons for some images."""

from pathlib import Path
from typing import Any

from torch import Tensor

from snnexp.datasets.batches import Batch
from snnexp.errors import ConfigError
from snnexp.measure.answers import predicted
from snnexp.measure.at_work import AtWork, at_work, counts, threshold
from snnexp.measure.evaluator import Evaluator
from snnexp.network.parts import spiking_units
from snnexp.reopen.look import TIMESTEPS, Look, chosen, images_of, name_of
from snnexp.reopen.opened import Reopened
from snnexp.reopen.reopened import reopened
from snnexp.reopen.timed_glimpses import timed_glimpses
from snnexp.report.charts.raster import Band
from snnexp.report.charts.traces import Panel, Trace
from snnexp.report.material import Glimpse

TRACED = 3
"""Neurons whose potentials are drawn."""


def glimpses(folder: Path, look: Look) -> tuple[Glimpse, ...]:
    """What the network of a finished run does with some images of the test set.

    Raises:
        ConfigError: it has no spikes over time, or no such layer.
        DataError: its data are not there, or have no such image.
    """
    run = reopened(folder)
    if run.network.form == "timed":
        return timed_glimpses(run, folder, look)
    if run.network.form != "spiking":
        raise ConfigError(
            f"the network is of form {run.network.form}, which has no spikes over time"
        )
    batch = images_of(run, look.images)
    evaluator = _evaluator(run)
    picked = chosen(counts(run.network, batch, evaluator), look)
    return _glimpses(run, batch, look, at_work(run.network, batch, evaluator, picked), picked)


def _evaluator(run: Reopened) -> Evaluator:
    """That of networks of spikes, by which the run was evaluated."""
    by_form: Any = run.session.evaluator
    return by_form.evaluators[run.network.form]


def _glimpses(
    run: Reopened, batch: Batch, look: Look, seen: AtWork, picked: dict[str, Tensor]
) -> tuple[Glimpse, ...]:
    names = run.session.class_names
    return tuple(
        Glimpse(
            image,
            names[int(batch.labels[place])],
            tuple(name_of(answer, names) for answer in predicted(seen.scores[:, place]).tolist()),
            tuple(_band(name, numbers[place], seen, place) for name, numbers in picked.items()),
            tuple(_panels(run, place, seen, picked)),
            min(len(seen.scores), TIMESTEPS),
        )
        for place, image in enumerate(look.images)
    )


def _band(name: str, neurons: Tensor, seen: AtWork, place: int) -> Band:
    spikes = seen.spikes[name][:TIMESTEPS, place].T
    return Band(name, tuple(neurons.tolist()), tuple(map(_steps, spikes)))


def _panels(run: Reopened, place: int, seen: AtWork, picked: dict[str, Tensor]) -> list[Panel]:
    units = spiking_units(run.network)
    return [
        Panel(name, _traces(name, neurons[place], seen, place), threshold(units[name]))
        for name, neurons in picked.items()
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
