"""What a data set is: splits of samples, in memory or not, and the source they come from."""

import abc
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

from snnexp.datasets.text import shown

TEST_OFFSET = (
    2**32
)  # test samples are numbered from here, so that no noise key of theirs is a training sample's


class DataError(Exception):
    """Data is missing or not what it should be; the message names the file, the form expected and
    how to get it.
    """


class Samples(abc.ABC):
    """Samples of one shape that are used together; where they are is up to the kind.

    A sample is an image `[C, H, W]`, frames over time `[T, C, H, W]`, or whatever else an encoder
    takes. `labels` are class numbers from 0; `index` is the number of each sample in the official
    order, test samples from `TEST_OFFSET`: noise keys derive from it.
    """

    labels: Int64[Tensor, "N"]
    index: Int64[Tensor, "N"]

    def __len__(self) -> int:
        return len(self.labels)

    @abc.abstractmethod
    def at(self, places: Int64[Tensor, "M"]) -> "Samples":
        """The samples at these places of the split."""

    @abc.abstractmethod
    def to(self, device: torch.device | str) -> "Samples":
        """The same samples, whose tensors, and what is read, are on `device`."""

    @abc.abstractmethod
    def read(
        self,
        chunks: Sequence[Int64[Tensor, "_"]],
        keys: Int64[Tensor, "N"],
        augmentation: Callable | None,
    ) -> Iterator[Shaped[Tensor, "_ *sample"]]:
        """The samples of each of the `chunks`, which are places of the split, in this order and as
        they are stored.

        Args:
            chunks: what is wanted, batch by batch.
            keys: of all samples of the split; a function of its sample's key is all that
                augmentation is.
            augmentation: of the kind that goes with the samples; None for what evaluation sees.
        """


@dataclass(frozen=True)
class Split(Samples):
    """Samples that are in memory, as one tensor.

    Args:
        input: the samples as they are stored, such as pixels 0 to 255.
        labels: class numbers from 0.
        index: number of each sample in the official order, test samples from `TEST_OFFSET`; noise
            keys derive from it.
    """

    input: Shaped[Tensor, "N *sample"]
    labels: Int64[Tensor, "N"]
    index: Int64[Tensor, "N"]

    def at(self, places: Int64[Tensor, "M"]) -> "Split":
        """The samples at these places of the split."""
        return Split(self.input[places], self.labels[places], self.index[places])

    def to(self, device: torch.device | str) -> "Split":
        """The same samples on `device`, in as many bytes as here."""
        return Split(self.input.to(device), self.labels.to(device), self.index.to(device))

    def read(
        self,
        chunks: Sequence[Int64[Tensor, "_"]],
        keys: Int64[Tensor, "N"],
        augmentation: Callable | None,
    ) -> Iterator[Shaped[Tensor, "_ *sample"]]:
        """Gathered and augmented where the split is, whole batches at a time."""
        for places in chunks:
            samples = self.input[places]
            yield samples if augmentation is None else augmentation(samples, keys[places])


@dataclass(frozen=True)
class Splits:
    """The splits of a data set; `shape` is that of a sample, `validation` is None where none were
    held out.

    `class_names` are in the order of the class numbers, `timestep` is that of the source.
    """

    train: Samples
    validation: Samples | None
    test: Samples
    classes: int
    shape: tuple[int, ...]
    class_names: tuple[str, ...]
    timestep: str | None = None


class Source(abc.ABC):
    """Where a data set comes from. Building one touches no data; files are first looked at by the
    methods.
    """

    classes: int
    shape: tuple[int, ...]
    """Of a sample: (C, H, W) of an image, another for what else an encoder takes."""
    augmented: ClassVar[Literal["batches", "pictures", "frames"]] = "batches"
    """How samples can be augmented: whole batches of those in memory, pictures one by one as they
    are read, or whole batches of frames over time.
    """
    timestep: str | None = None
    """What a timestep of a sample is, where it is frames over time: `1/8 of the events`; None for
    images.
    """
    train_samples: int | None = None
    """Number of official training samples, where it is known without reading."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the classes are, in the order of their numbers; digits, unless a source says
        otherwise.
        """
        return tuple(map(str, range(self.classes)))

    @property
    def place(self) -> str:
        """Where the data is, for messages."""
        return "the data"

    @abc.abstractmethod
    def read(self) -> tuple[Samples, Samples]:
        """Training and test samples in the official order. Raises `DataError`."""

    @abc.abstractmethod
    def status(self) -> str:
        """`ready`, or `missing: ` and what is not there."""

    @abc.abstractmethod
    def verify(self) -> str:
        """Compares what is there with what was published and says what was compared. Raises
        `DataError`.
        """

    @abc.abstractmethod
    def prepare(self) -> str:
        """Downloads or builds what is needed once and says what was done. Raises `DataError`."""


def numbered(
    samples: Shaped[Tensor, "N *sample"], labels: Int64[Tensor, "N"], first: int = 0
) -> Split:
    """A split whose samples are numbered in order from `first`."""
    return Split(samples, labels, torch.arange(first, first + len(labels)))


def status_of(paths: dict[Path, bool]) -> str:
    """The status of a source that needs these paths and has some of them."""
    absent = [str(path) for path, present in paths.items() if not present]
    return f"missing: {', '.join(absent)}" if absent else "ready"


def fault(path: Path, wrong: str, expected: str, remedy: str) -> DataError:
    """The error for `path`, in the order a reader needs it."""
    return DataError(shown(f"{path}: {wrong}. Expected: {expected}. Remedy: {remedy}"))


def present(path: Path) -> bool:
    """Whether something is at `path`; a path that cannot be looked at, or that no file system could
    hold, has nothing.
    """
    return os.path.exists(path)
