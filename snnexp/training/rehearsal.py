"""A few images through a network that is not trained yet, to see how long it takes."""

import time

import torch

from snnexp.cell import streaming
from snnexp.datasets.batches import Batches
from snnexp.measure.evaluator import autocast, in_evaluation
from snnexp.network.network import Network

ENOUGH = 0.2
"""Seconds of a pass from which it tells how long longer ones take."""
STEPS = 8
"""Timesteps of a pass."""


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
    devices = [batch.input.device] if batch.input.device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices),
        in_evaluation(network),
        streaming(network),
        autocast(batch.input.device, precision),
    ):
        begun = time.perf_counter()
        float(network(batch.input, steps, batch.keys).scores.sum())
        return time.perf_counter() - begun
