"""Epochs of batches from a split that lives on the compute device."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from snnexp.datasets.augmentation import Augmentation
from snnexp.datasets.base import Split
from snnexp.limits import Count
from snnexp.noise import mix, sample_keys


class Batch(NamedTuple):
    """Normalised images, their class numbers, and the keys everything random about the samples derives from."""

    images: Float[Tensor, "B C H W"]
    labels: Int64[Tensor, "B"]
    keys: Int64[Tensor, "B"]


class Batches:
    """Passes over a split, in batches made on the device: no worker processes, the same pass for the same (seed, epoch).

        images = (augmentation(pixels) / 255 - mean) / std

    A training epoch (`shuffle`) is in random order and augmented; its last batch may be smaller, and is left out if it were a single
    sample after full batches, which batch normalisation cannot take. Otherwise the order is the natural one, nothing is augmented or
    left out, and the keys are those of epoch 0, whichever epoch it is. `len` is the number of batches of a training epoch.

    Args:
        split: samples; moved to `device` as they are, one byte per pixel.
        batch_size: samples per batch, >= 1.
        mean, std: per channel, of pixels in [0, 1].
        augmentation: of training batches.
        device: where the batches are made.
        seed: of order, augmentation and keys.
    """

    def __init__(
        self,
        split: Split,
        batch_size: Count,
        mean: list[float],
        std: list[float],
        augmentation: Augmentation,
        device: torch.device | str,
        seed: int,
    ):
        self.split = Split(split.images.to(device), split.labels.to(device), split.index.to(device))
        self.batch_size = batch_size
        self.mean, self.std = (torch.tensor(values, dtype=torch.float32, device=device).view(-1, 1, 1) for values in (mean, std))
        self.augmentation = augmentation
        self.seed = seed

    def __len__(self) -> int:
        return -(-self._training_samples() // self.batch_size)

    def epoch(self, number: int, shuffle: bool) -> Iterator[Batch]:
        """One pass: random and augmented as a training epoch, or in natural order for evaluation."""
        keys = sample_keys(self.seed, number if shuffle else 0, self.split.index)
        # The keys are mixed once more so that neighbours in the order do not have neighbouring keys.
        order = mix(keys).argsort()[: self._training_samples()] if shuffle else torch.arange(len(keys), device=keys.device)
        for places in order.split(self.batch_size):
            yield self._batch(places, keys[places], shuffle)

    def sample(self, count: int) -> Batch:
        """`count` random samples (all, if there are fewer) as one batch, not augmented: the same whenever it is called."""
        keys = sample_keys(self.seed, 0, self.split.index)
        places = mix(keys).argsort()[:count]
        return self._batch(places, keys[places], augmented=False)

    def _batch(self, places: Tensor, keys: Tensor, augmented: bool) -> Batch:
        pixels = self.split.images[places]
        if augmented:
            pixels = self.augmentation(pixels, keys)
        return Batch(pixels.float().div_(255).sub_(self.mean).div_(self.std), self.split.labels[places], keys)

    def _training_samples(self) -> int:
        single = len(self.split) % self.batch_size == 1 and len(self.split) > self.batch_size
        return len(self.split) - single
