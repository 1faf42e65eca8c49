"""How well the layers of a converted network do what those of the analog one do."""

from collections.abc import Iterator

import torch
from torch import Tensor

from snnexp.conversion import probe
from snnexp.conversion.converted import Converted
from snnexp.conversion.units import hidden_units
from snnexp.datasets.batches import Batch
from snnexp.progress.work import doing

Report = dict[str, dict[str, float | None]]


class _Sums:
    """What is summed over images and neurons of one layer: activations a, values x of the spikes,
    spike counts.
    """

    def __init__(self) -> None:
        self.moments = torch.zeros(6, dtype=torch.float64)
        self.saturated = 0
        self.fired: Tensor | None = None

    def add(self, a: Tensor, x: Tensor, counts: Tensor, timesteps: int) -> None:
        a, x = a.flatten().double(), x.flatten().double()
        self.moments += torch.stack(
            [torch.tensor(float(len(a))).double(), a.sum().cpu(), x.sum().cpu(), *_products(a, x)]
        )
        self.saturated += int((counts >= max(timesteps - 1, 1)).sum())
        fired = counts.sum(0)
        self.fired = fired if self.fired is None else self.fired + fired

    def report(self, images: int) -> dict[str, float | None]:
        n, a, x, aa, ax, xx = self.moments.tolist()
        spread = (
            ((aa - a * a / n) * (xx - x * x / n)) ** 0.5
            if min(aa - a * a / n, xx - x * x / n) > 0
            else 0.0
        )
        return {
            "rate": float(self.fired.sum()) / (self.fired.numel() * images),
            "saturated": self.saturated / n,
            "dead": float((self.fired == 0).double().mean()),
            "correlation": (ax - a * x / n) / spread if spread > 0 else None,
            "mse": max((aa - 2 * ax + xx) / n, 0.0),
        }


def _products(a: Tensor, x: Tensor) -> Iterator[Tensor]:
    yield from ((left * right).sum().cpu() for left, right in ((a, a), (a, x), (x, x)))


def fidelity(converted: Converted, batch: Batch, timesteps: int, images: int) -> Report:
    """Per layer, on the images of `batch` at T = `timesteps`, `images` at a time:

    threshold      of the neurons
    full_scale     the activation that one spike per timestep stands for
    rate           mean spikes per neuron and image
    saturated      share of neurons and images with at least T - 1 spikes
    dead           share of neurons that fire for no image
    correlation    of the activation, clipped at the full scale, with the rate; None where one
                   of them does not vary
    mse            mean squared difference of the clipped activation and what the rate stands
                   for
    """
    sums = {name: _Sums() for name in hidden_units(converted.spiking)}
    for part in _compared(batch, images):
        activations, trains = converted.activations(part), converted.trains(part, timesteps)
        for name, train in trains.items():
            clipped = activations[name].clamp(max=converted.spans[name])
            sums[name].add(clipped, train.value, train.counts, timesteps)
    heads = {
        name: {"threshold": converted.thresholds[name], "full_scale": converted.spans[name]}
        for name in sums
    }
    return {name: heads[name] | each.report(len(batch.input)) for name, each in sums.items()}


def _compared(batch: Batch, images: int) -> Iterator[Batch]:
    total = -(-len(batch.labels) // images)
    with doing("recording", total, "batches") as work:
        for part in probe.parts(batch, images):
            yield part
            work.advance()
