"""Samples that are too many for memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from snnexp.datasets import reading
from snnexp.datasets.base import Samples
from snnexp.datasets.resized_crop import ResizedCrop
from snnexp.limits import Count, Natural


@dataclass(frozen=True)
class Stream(Samples):
    """Pictures that are read from their files in every pass.

    Args:
        root: folder the names are seen from.
        names: of the files, as an array of bytes.
        labels: class numbers from 0.
        index: number of each sample in the official order, test samples from `TEST_OFFSET`.
        size: side of the images in pixels.
        workers: number of processes that read; they live for one pass and change nothing.
    """

    root: Path
    names: np.ndarray
    labels: Int64[Tensor, "N"]
    index: Int64[Tensor, "N"]
    size: Count
    workers: Natural

    def at(self, places: Int64[Tensor, "M"]) -> "Stream":
        """The samples at these places of the split."""
        return replace(
            self,
            names=self.names[places.cpu().numpy()],
            labels=self.labels[places],
            index=self.index[places],
        )

    def to(self, device: torch.device | str) -> "Stream":
        """The same samples, with labels and index on `device`, where their pixels will come to."""
        return replace(self, labels=self.labels.to(device), index=self.index.to(device))

    def read(
        self,
        chunks: Sequence[Int64[Tensor, "_"]],
        keys: Int64[Tensor, "N"],
        augmentation: ResizedCrop | None,
    ) -> Iterator[UInt8[Tensor, "_ C H W"]]:
        """Decoded and augmented by worker processes. Raises `DataError`, `OutOfMemory` and
        `ReaderFailed`.
        """
        all_keys = keys.cpu().numpy()
        places = [chunk.cpu().numpy() for chunk in chunks]
        decoder = reading.Decoder(self.root, self.names, self.size, augmentation)
        return reading.read(
            decoder, [(each, all_keys[each]) for each in places], self.workers, self.labels.device
        )
