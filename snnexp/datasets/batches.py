"""Epochs of batches from a split, on the compute device."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from snnexp.datasets.base import Samples
from snnexp.distributed import processes, share
from snnexp.limits import Count
from snnexp.noise import mix, sample_keys, sample_numbers
from snnexp.stopping import look_if_alone, look_together


class Batch(NamedTuple):
    """Normalised images, their class numbers, and the keys everything random about the samples derives from."""

    images: Float[Tensor, "B C H W"]
    labels: Int64[Tensor, "B"]
    keys: Int64[Tensor, "B"]


class Batches:
    """Passes over a split: the same pass for the same (seed, epoch), wherever the pixels come from.

        images = (augmentation(pixels) / 255 - mean) / std

    A training epoch (`shuffle`) is in random order and augmented; its last batch may be smaller, and is left out if it were a single
    sample after full batches, which batch normalisation cannot take. Otherwise the order is the natural one, nothing is augmented or
    left out, and the keys are those of epoch 0, whichever epoch it is. `len` is the number of batches of a training epoch.
    With several processes each gets its part of every batch; `batch_size` is that of all together.

    Args:
        split: samples; those in memory are moved to `device` as they are, one byte per pixel.
        batch_size: samples per batch, >= 1.
        mean, std: per channel, of pixels in [0, 1].
        augmentation: of training batches, of the kind that goes with the split.
        device: where the batches are.
        seed: of order, augmentation and keys.
    """

    def __init__(
        self,
        split: Samples,
        batch_size: Count,
        mean: list[float],
        std: list[float],
        augmentation: Callable,
        device: torch.device | str,
        seed: int,
    ):
        self.split = split.to(device)
        self.batch_size = batch_size
        self.mean, self.std = (torch.tensor(values, dtype=torch.float32, device=device).view(-1, 1, 1) for values in (mean, std))
        self.augmentation = augmentation
        self.seed = seed

    def __len__(self) -> int:
        return -(-self._training_samples() // self.batch_size)

    def epoch(self, number: int, shuffle: bool, first: int = 0) -> Iterator[Batch]:
        """One pass from batch `first` on: random and augmented as a training epoch, or in natural order for evaluation."""
        keys = sample_keys(self.seed, number if shuffle else 0, self.split.index)
        # The keys are mixed once more so that neighbours in the order do not have neighbouring keys.
        order = mix(keys).argsort()[: self._training_samples()] if shuffle else torch.arange(len(keys), device=keys.device)
        # Several processes share every batch; in evaluation a process may have nothing of the last one.
        chunks = [part for part in map(share, order.split(self.batch_size)) if len(part)]
        yield from self._batches(chunks[first:], keys, _of_epoch(self.augmentation, self.seed, number) if shuffle else None)

    def in_order(self) -> Iterator[Batch]:
        """One pass for evaluation. Raises `Stopped` between two batches, in all processes at the same, if any is asked to stop."""
        with closing(self.epoch(0, shuffle=False)) as passing:
            for _ in range(-(-len(self.split) // self.batch_size)):
                look_together()
                yield from islice(passing, 1)  # none for a process that has no part of the last batch

    def size_of(self, number: int) -> int:
        """Samples of a training epoch's batch `number` (from 0), of all processes together."""
        return min(self.batch_size, self._training_samples() - number * self.batch_size)

    def indices(self, batch: Batch, number: int) -> list[int]:
        """Numbers, in the split's files, of the samples of a batch of training epoch `number`."""
        return sample_numbers(self.seed, number, batch.keys).tolist()

    def sample(self, count: int) -> Batch:
        """`count` random samples (all, if there are fewer) as one batch, not augmented: the same whenever it is called."""
        keys = sample_keys(self.seed, 0, self.split.index)
        places = mix(keys).argsort()[:count]
        parts = zip(*self._batches(places.split(self.batch_size), keys, None), strict=True)
        return Batch(*(torch.cat(part) for part in parts))

    def _batches(self, chunks: Sequence[Tensor], keys: Tensor, augmentation: Callable | None) -> Iterator[Batch]:
        if not chunks:
            return
        # Closed as soon as the caller ends, errors included: worker processes may stand behind it.
        with closing(self.split.pixels(chunks, keys, augmentation)) as passing:
            for places, pixels in zip(chunks, passing, strict=True):
                look_if_alone()
                yield Batch(self._normalised(pixels), self.split.labels[places], keys[places])

    def _normalised(self, pixels: UInt8[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return pixels.float().div_(255).sub_(self.mean).div_(self.std)

    def _training_samples(self) -> int:
        rest = len(self.split) % self.batch_size
        whole = rest >= max(2, processes()) or len(self.split) < self.batch_size
        return len(self.split) if whole else len(self.split) - rest


def _of_epoch(augmentation: Callable, seed: int, number: int) -> Callable:
    """The augmentation of one epoch: itself, unless it goes by what it did to a sample in the epochs before."""
    return augmentation.of_epoch(seed, number) if hasattr(augmentation, "of_epoch") else augmentation
