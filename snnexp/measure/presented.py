"""The images of an evaluation, as they are shown to a network."""

from collections.abc import Iterator
from contextlib import closing

from snnexp.datasets.batches import Batch, Batches
from snnexp.progress.work import doing


def presented(batches: Batches, timesteps: int) -> Iterator[Batch]:
    """The batches in order, said as they go.

    Args:
        batches: of a split.
        timesteps: that a network runs for an image.
    """
    total = -(-len(batches.split) // batches.batch_size)
    size = len(batches.split) * timesteps
    with (
        doing("evaluating", total, "batches", size) as work,
        closing(batches.in_order()) as passing,
    ):
        for batch in passing:
            yield batch
            work.advance()
