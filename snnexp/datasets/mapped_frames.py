"""Samples that are frames in a file, too many for memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

from snnexp.datasets.base import Samples


@dataclass(frozen=True)
class MappedFrames(Samples):
    """Samples that are gathered from a file as they are wanted.

    Args:
        frames: of all samples of the file, as a map of it into memory.
        rows: which of them these are.
        labels: class numbers from 0.
        index: number of each sample in the official order, test samples from `TEST_OFFSET`.
    """

    frames: Shaped[np.ndarray, "M *sample"]
    rows: Int64[np.ndarray, "N"]
    labels: Int64[Tensor, "N"]
    index: Int64[Tensor, "N"]

    def at(self, places: Int64[Tensor, "M"]) -> "MappedFrames":
        """The samples at these places of the split."""
        rows = self.rows[places.cpu().numpy()]
        return replace(self, rows=rows, labels=self.labels[places], index=self.index[places])

    def to(self, device: torch.device | str) -> "MappedFrames":
        """The same samples, with labels and index on `device`, where their frames will come to."""
        return replace(self, labels=self.labels.to(device), index=self.index.to(device))

    def read(
        self,
        chunks: Sequence[Int64[Tensor, "_"]],
        keys: Int64[Tensor, "N"],
        augmentation: Callable | None,
    ) -> Iterator[Shaped[Tensor, "_ *sample"]]:
        """Gathered here, and augmented where the labels are, whole batches at a time."""
        for places in chunks:
            samples = self._gathered(places.cpu().numpy()).to(self.labels.device)
            yield samples if augmentation is None else augmentation(samples, keys[places])

    def _gathered(self, places: Int64[np.ndarray, "B"]) -> Shaped[Tensor, "B *sample"]:
        """Read in the order of the file."""
        rows = self.rows[places]
        gathered = np.empty((len(rows), *self.frames.shape[1:]), self.frames.dtype)
        for place in rows.argsort():
            gathered[place] = self.frames[rows[place]]
        return torch.from_numpy(gathered)
