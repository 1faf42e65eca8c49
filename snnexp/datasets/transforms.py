"""What a data set does to its samples on their way to the network."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from snnexp.datasets.cut_mix import CutMix

Normalised = Callable[[Shaped[Tensor, "B *sample"]], Float[Tensor, "B *sample"]]
"""From samples as they are stored to the numbers that the network sees."""


class Normalisation(abc.ABC):
    """Turns stored samples, such as pixels of one byte, into the numbers that the network sees."""

    values: tuple[float, float] | None
    """The smallest and the largest number that comes out; None where samples do not bound it."""

    @abc.abstractmethod
    def check(self, shape: tuple[int, ...]) -> None:
        """Raises `ValueError` where samples of this shape cannot be normalised so."""

    @abc.abstractmethod
    def on(self, device: torch.device | str) -> Normalised:
        """What is done to batches that are on `device`."""


class Augmenter(abc.ABC):
    """Changes samples of training, each by its own key, as they are stored: before they are
    normalised.

    Called with `(samples, keys)` it changes whole batches, of images or of frames, with `(image,
    size, key)` one picture as it is read; `takes` says which.
    """

    takes: ClassVar[Literal["batches", "pictures", "frames"]] = "batches"
    mixing: CutMix | None = None
    """How samples are mixed with others, behind all else; None where each stays what it is."""

    @abc.abstractmethod
    def check(self, shape: tuple[int, ...]) -> None:
        """Raises `ValueError` where samples of this shape cannot be changed so."""

    @abc.abstractmethod
    def of_epoch(self, seed: int, epoch: int) -> Callable[..., Any]:
        """What is done in an epoch of a run with this seed: itself, unless it goes by the epochs
        before.
        """

    @abc.abstractmethod
    def __call__(self, *samples: Any) -> Any:
        """The changed samples."""
