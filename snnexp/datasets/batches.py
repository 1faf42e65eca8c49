"""Epochs of batches from a split, on the compute device."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from snnexp.datasets.base import Samples
from snnexp.datasets.cut_mix import Blend, Box, pasted
from snnexp.datasets.transforms import Augmenter, Normalisation
from snnexp.distributed import processes, share
from snnexp.limits import Count
from snnexp.noise import mix, sample_keys, sample_numbers
from snnexp.stopping import look_if_alone, look_together


class Batch(NamedTuple):
    """What the network sees, the class numbers, and the keys everything random about the samples
    derives from.

    `input` are images `[B, C, H, W]`, frames over time `[B, T, C, H, W]`, or whatever else an
    encoder takes.
    """

    input: Float[Tensor, "B *sample"]
    labels: Int64[Tensor, "B"]
    keys: Int64[Tensor, "B"]


class Batches:
    """Passes over a split: the same pass for the same (seed, epoch), wherever the samples come
    from.

        input = normalisation(augmentation(samples))

    A training epoch (`shuffle`) is in random order and augmented; its last batch may be smaller,
    and is left out if it were a single sample after full batches, which batch normalisation cannot
    take. Otherwise the order is the natural one, nothing is augmented or left out, and the keys are
    those of epoch 0, whichever epoch it is. `len` is the number of batches of a training epoch.
    With several processes each gets its part of every batch; `batch_size` is that of all together.

    Args:
        split: samples; those in memory are moved to `device` as they are stored.
        batch_size: samples per batch, >= 1.
        normalisation: what the network sees of them; None for the stored numbers themselves.
        augmentation: of training batches, of the kind that goes with the split; None for none.
        device: where the batches are.
        seed: of order, augmentation and keys.
    """

    def __init__(
        self,
        split: Samples,
        batch_size: Count,
        normalisation: Normalisation | None,
        augmentation: Augmenter | None,
        device: torch.device | str,
        seed: int,
    ):
        self.split = split.to(device)
        self.batch_size = batch_size
        self.normalised = torch.Tensor.float if normalisation is None else normalisation.on(device)
        self.augmentation = augmentation
        self.seed = seed

    def __len__(self) -> int:
        return -(-self._training_samples() // self.batch_size)

    def epoch(self, number: int, shuffle: bool, first: int = 0) -> Iterator[Batch]:
        """One pass from batch `first` on: random and augmented as a training epoch, or in natural
        order for evaluation.
        """
        keys = sample_keys(self.seed, number if shuffle else 0, self.split.index)
        # The keys are mixed once more so that neighbours in the order do not have neighbouring
        # keys.
        order = (
            mix(keys).argsort()[: self._training_samples()]
            if shuffle
            else torch.arange(len(keys), device=keys.device)
        )
        # Several processes share every batch; in evaluation a process may have nothing of the last
        # one.
        chunks = [part for part in map(share, order.split(self.batch_size)) if len(part)]
        augmentation = self._augmentation(number) if shuffle else None
        batches = self._batches(chunks[first:], keys, augmentation)
        if augmentation is None or self.augmentation.mixing is None:
            yield from batches
        else:
            yield from self._mixed(batches, number, first, chunks, keys)

    def blend(self, batch: Batch, number: int, place: int) -> Blend | None:
        """Whose labels batch `place` (from 0) of training epoch `number` has beside its own; None
        where it is not mixed.
        """
        box = self._box(batch.input, number, place)
        if box is None:
            return None
        others = self.augmentation.mixing.others(batch.keys, len(self.split))
        height, width = batch.input.shape[-2:]
        return Blend(self.split.labels[others], 1 - box.area / (height * width))

    def in_order(self) -> Iterator[Batch]:
        """One pass for evaluation. Raises `Stopped` between two batches, in all processes at the
        same, if any is asked to stop.
        """
        with closing(self.epoch(0, shuffle=False)) as passing:
            for _ in range(-(-len(self.split) // self.batch_size)):
                look_together()
                yield from islice(
                    passing, 1
                )  # none for a process that has no part of the last batch

    def size_of(self, number: int) -> int:
        """Samples of a training epoch's batch `number` (from 0), of all processes together."""
        return min(self.batch_size, self._training_samples() - number * self.batch_size)

    def indices(self, batch: Batch, number: int) -> list[int]:
        """Numbers, in the split's files, of the samples of a batch of training epoch `number`."""
        return sample_numbers(self.seed, number, batch.keys).tolist()

    def sample(self, count: int) -> Batch:
        """`count` random samples (all, if there are fewer) as one batch, not augmented: the same
        whenever it is called.
        """
        keys = sample_keys(self.seed, 0, self.split.index)
        places = mix(keys).argsort()[:count]
        parts = zip(*self._batches(places.split(self.batch_size), keys, None), strict=True)
        return Batch(*(torch.cat(part) for part in parts))

    def _batches(
        self, chunks: Sequence[Tensor], keys: Tensor, augmentation: Callable | None
    ) -> Iterator[Batch]:
        if not chunks:
            return
        # Closed as soon as the caller ends, errors included: worker processes may stand behind it.
        with closing(self.split.read(chunks, keys, augmentation)) as passing:
            for places, samples in zip(chunks, passing, strict=True):
                look_if_alone()
                yield Batch(self.normalised(samples), self.split.labels[places], keys[places])

    def _mixed(
        self,
        batches: Iterator[Batch],
        number: int,
        first: int,
        chunks: Sequence[Tensor],
        keys: Tensor,
    ) -> Iterator[Batch]:
        """The batches from `first` on, with a rectangle of other samples in those it is drawn
        for.
        """
        draw = self.augmentation.mixing
        others = [draw.others(keys[places], len(keys)) for places in chunks[first:]]
        with closing(self._batches(others, keys, self._augmentation(number))) as passing:
            for place, (own, other) in enumerate(zip(batches, passing, strict=True), first):
                box = self._box(own.input, number, place)
                yield (
                    own if box is None else own._replace(input=pasted(own.input, other.input, box))
                )

    def _box(self, samples: Tensor, number: int, place: int) -> Box | None:
        mixing = None if self.augmentation is None else self.augmentation.mixing
        return mixing and mixing.box(self.seed, number, place, samples.shape[-2:])

    def _augmentation(self, epoch: int) -> Callable | None:
        return None if self.augmentation is None else self.augmentation.of_epoch(self.seed, epoch)

    def _training_samples(self) -> int:
        rest = len(self.split) % self.batch_size
        whole = rest >= max(2, processes()) or len(self.split) < self.batch_size
        return len(self.split) if whole else len(self.split) - rest
