"""A few images through a network that is not trained yet, to see how long it takes, and how much
memory.
"""

import time

import torch

from snnexp.cell import streaming
from snnexp.datasets.batches import Batch, Batches
from snnexp.measure.evaluator import autocast, in_evaluation
from snnexp.network.network import Network
from snnexp.training.memory import Allocations

ENOUGH = 0.2
"""Seconds of a pass from which it tells how long longer ones take."""
STEPS = 8
"""Timesteps of a pass."""
FEW = 4
"""Images on which the memory of an evaluation is measured; half of them tell what does not grow
with the batch.
"""


@torch.no_grad()
def rehearsed(
    network: Network, batches: Batches, largest: int, precision: torch.dtype
) -> float | None:
    """Seconds per image and timestep, from passes with more and more images, of which the last
    counts; None where a network cannot be run like this.

    Draws no random numbers that the run would miss.

    Args:
        network: in the spiking or analog form, not trained.
        batches: where the images come from.
        largest: images of a batch.
        precision: dtype of autocast.
    """
    if network.form not in ("spiking", "analog"):
        return None
    steps = range(STEPS if network.form == "spiking" else 1)
    images, taken = 1, 0.0
    while taken < ENOUGH and images < largest:
        images = min(4 * images, largest)
        taken = _seconds(network, batches, images, steps, precision)
    return taken / (images * len(steps))


def _seconds(
    network: Network, batches: Batches, images: int, steps: range, precision: torch.dtype
) -> float:
    batch = batches.sample(images)
    begun = time.perf_counter()
    _run(network, batch, steps, precision)
    return time.perf_counter() - begun


def _run(network: Network, batch: Batch, steps: range, precision: torch.dtype) -> None:
    device = batch.input.device
    devices = [device] if device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices),
        in_evaluation(network),
        streaming(network),
        autocast(device, precision),
    ):
        float(network(batch.input, steps, batch.keys).scores.sum())


@torch.no_grad()
def needed_to_evaluate(
    network: Network, batches: Batches, largest: int, chunk: int, precision: torch.dtype
) -> int:
    """Bytes that an evaluation needs beside the network, measured on few images; 0 where a network
    cannot be run like this.

    Args:
        network: in the spiking or analog form.
        batches: where the images come from.
        largest: images of a batch.
        chunk: timesteps of a call.
        precision: dtype of autocast.
    """
    if network.form not in ("spiking", "analog"):
        return 0
    steps = range(chunk if network.form == "spiking" else 1)
    batch, bytes_of = batches.sample(min(FEW, largest)), []
    for images in (len(batch.labels) // 2 or 1, len(batch.labels)):
        with Allocations() as allocations:
            _run(network, Batch(*(part[:images] for part in batch)), steps, precision)
        bytes_of.append((images, allocations.most))
    (half, less), (few, more) = bytes_of
    slope = (more - less) / (few - half) if few > half else 0.0
    return round(more + slope * (min(largest, len(batches.split)) - few))
