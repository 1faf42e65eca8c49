"""What is looked at in a network: images of the test set, layers and neurons."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from snnexp.datasets.base import DataError
from snnexp.datasets.batches import Batch
from snnexp.errors import ConfigError
from snnexp.measure.answers import UNDECIDED
from snnexp.reopen.opened import Reopened

LAYERS, NEURONS = 6, 24
"""Layers, and neurons of each, that are drawn."""
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


def images_of(run: Reopened, images: Sequence[int]) -> Batch:
    """The images of the test set with these numbers. Raises `DataError` where there are none."""
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


def chosen(fired: dict[str, Tensor], look: Look) -> dict[str, Tensor]:
    """The neurons of every layer that is looked at, for each image.

    Args:
        fired: how often each neuron of every layer fires, `[B, N]`.
        look: what is asked for.

    Raises:
        ConfigError: no such layer.
    """
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


def name_of(answer: int, names: Sequence[str]) -> str | None:
    """The class of an answer; None where no class is ahead."""
    return None if answer == UNDECIDED else names[answer]
