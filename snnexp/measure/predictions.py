"""What a network answered, image by image."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from snnexp.datasets.batches import Batches
from snnexp.distributed import gathered
from snnexp.files.atomic import replacing
from snnexp.measure.answers import UNDECIDED
from snnexp.noise import sample_numbers

FILE = "predictions.npz"


@dataclass(frozen=True)
class Predictions:
    """The answers to all images of a split, in the order of their numbers.

    Args:
        images: their numbers in the files of the split.
        labels: the right answers.
        answers: those that count, -1 for none.
        by_timestep: those after every timestep at which the network is read; of networks of spike
            times at the finest resolution of discrete time.
    """

    images: Int[Tensor, " N"]
    labels: Int[Tensor, " N"]
    answers: Int[Tensor, " N"]
    by_timestep: Int[Tensor, "N T"]

    def confusion(self, classes: int) -> Int[Tensor, "K K"]:
        """How many images of a class, by row, were taken for which, by column; those without an
        answer stand in no column.
        """
        known = self.answers != UNDECIDED
        pairs = self.labels[known] * classes + self.answers[known]
        return torch.bincount(pairs, minlength=classes * classes).view(classes, classes)

    def write(self, path: Path, class_names: tuple[str, ...]) -> None:
        """Writes them as NumPy arrays: `images`, `labels`, `answers`, `by_timestep`, `confusion`,
        `accuracy_by_class` in percent (NaN of a class without images) and `classes`.
        """
        confusion = self.confusion(len(class_names))
        images = torch.bincount(self.labels, minlength=len(class_names))
        arrays = {
            "images": self.images.numpy(),
            "labels": self.labels.numpy(),
            "answers": self.answers.numpy(),
            "by_timestep": self.by_timestep.numpy(),
            "confusion": confusion.numpy(),
            "accuracy_by_class": (100.0 * confusion.diagonal().double() / images).numpy(),
            "classes": np.array(class_names),
        }
        with replacing(path) as draft, open(draft, "wb") as file:
            np.savez_compressed(file, **arrays)


Kept = list[tuple[Tensor, ...]]
"""Of every batch the keys, the labels, and the answers after every timestep `[B, T]`."""


def joined(kept: Kept, batches: Batches, answers: Tensor | None = None) -> Predictions:
    """The predictions of all processes from the batches of this one.

    Args:
        kept: of every batch.
        batches: of the split.
        answers: those that count, where they are not those after the last timestep.
    """
    keys, labels, by_timestep = (torch.cat(part).cpu() for part in zip(*kept, strict=True))
    images = torch.tensor(sample_numbers(batches.seed, 0, keys).tolist())
    own = images, labels, by_timestep[:, -1] if answers is None else answers.cpu(), by_timestep
    parts = [torch.cat(part) for part in zip(*gathered(own), strict=True)]
    order = parts[0].argsort(stable=True)
    return Predictions(*(part[order] for part in parts))
