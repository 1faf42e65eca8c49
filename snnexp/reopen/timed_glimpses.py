"""A look into a network of spike times: when some neurons fire for some images."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from snnexp.datasets.batches import Batch
from snnexp.errors import ConfigError
from snnexp.measure.evaluator import in_evaluation
from snnexp.reopen.look import TIMESTEPS, Look, chosen, images_of, name_of
from snnexp.reopen.opened import Reopened
from snnexp.report.charts.raster import Band
from snnexp.report.material import Glimpse
from snnexp.results.read import read_result
from snnexp.timed.body import TimedBody
from snnexp.timed.discrete import Output, clocked, output_of
from snnexp.timed.layers import timed_layers
from snnexp.timed.passages import passages


def timed_glimpses(run: Reopened, folder: Path, look: Look) -> tuple[Glimpse, ...]:
    """What a network of spike times does with some images of the test set, in discrete time at the
    finest resolution of its result. Windowed neurons fire in the windows of their layers, one
    behind the other. There are no potentials: spikes are computed from the equations at once.

    Args:
        run: the run, opened again.
        folder: of its result.
        look: what is looked at.

    Raises:
        ConfigError: the result has no resolution, or the network no such layer.
        DataError: the data are not there, or have no such image.
    """
    steps, step = _finest(folder)
    batch, body = images_of(run, look.images), run.network.body
    assert isinstance(body, TimedBody)
    with in_evaluation(run.network), torch.no_grad(), clocked(body, step, steps):
        output, fired_at = _passed(run, body, batch, step)
    begins = _windows(output, [*fired_at], steps)
    picked = chosen({name: (at <= steps).long() for name, at in fired_at.items()}, look)
    names = run.session.class_names
    return tuple(
        Glimpse(
            image,
            names[int(batch.labels[place])],
            tuple(name_of(each, names) for each in _answers(output, place, steps, begins)),
            tuple(_bands(fired_at, picked, begins, place, steps)),
            (),
            min(max(begins.values()) + steps, TIMESTEPS),
        )
        for place, image in enumerate(look.images)
    )


def _finest(folder: Path) -> tuple[int, float]:
    """Number of timesteps, of windowed neurons in a window, and the length of one, that the run was
    measured with.
    """
    for each in reversed(read_result(folder / "result.json").last.resolution or []):
        steps = each.timesteps_per_layer or each.timesteps
        if steps is not None and each.step is not None:
            return steps, each.step
    raise ConfigError("its result says nothing of discrete time, in which spikes are drawn")


def _passed(
    run: Reopened, body: TimedBody, batch: Batch, step: float
) -> tuple[Output, dict[str, Tensor]]:
    """What the output layer says, and at which timestep, from 1 on, each neuron of every layer
    fires: `[B, N]`, infinity for never.
    """
    with passages(timed_layers(body)) as passed:
        output = output_of(body, run.network.encoder(batch.input, range(1), batch.keys), step)
    fired_at = {
        name: (layer.outputs[0].flatten(1) / step).round().clamp(min=1)
        for name, layer in passed.items()
    }
    return output, fired_at


def _windows(output: Output, layers: list[str], steps: int) -> dict[str, int]:
    """The timesteps that are over when each layer's begin; the first window is the input's."""
    length = steps if output.neuron.windowed else 0
    return {name: number * length for number, name in enumerate(layers, 1)}


def _answers(output: Output, place: int, steps: int, begins: Mapping[str, int]) -> Iterator[int]:
    """The class after every timestep that is drawn, -1 for none."""
    decisions = output.decisions()
    before = max(begins.values())
    for step in range(1, min(before + steps, TIMESTEPS) + 1):
        yield int(output.labels_at(step - before, decisions)[place]) if step > before else -1


def _bands(
    fired_at: Mapping[str, Tensor],
    picked: Mapping[str, Tensor],
    begins: Mapping[str, int],
    place: int,
    steps: int,
) -> Iterator[Band]:
    for name, numbers in picked.items():
        neurons = numbers[place].tolist()
        at = [float(fired_at[name][place, neuron]) for neuron in neurons]
        spikes = [(begins[name] + int(each),) if each <= steps else () for each in at]
        drawn = tuple(tuple(each for each in one if each <= TIMESTEPS) for one in spikes)
        yield Band(name, tuple(neurons), drawn)
