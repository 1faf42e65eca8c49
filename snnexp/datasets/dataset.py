"""What a dataset option gives: a source with everything a run decides about it. Building one
touches no data.
"""

import logging
from collections.abc import Callable

from snnexp.datasets.base import DataError, Samples, Source, Splits
from snnexp.datasets.names import listed
from snnexp.datasets.text import shown
from snnexp.datasets.transforms import Augmenter, Normalisation
from snnexp.errors import problem
from snnexp.limits import Natural, Seed
from snnexp.noise import sample_keys

_HELD_OUT = -1  # stands where an epoch would: this draw belongs to none
_DRAWN = 2**31  # stands where a seed would: images of an evaluation are the same for all runs
_log = logging.getLogger(__name__)


class Dataset:
    """A source with what a run decides about it.

    Data sets of images have a normalisation by mean and std and an augmentation; frames of an event
    camera, or whatever else an encoder takes, may go without either.

    Args:
        source: where the samples come from.
        validation: number of training samples held out at random, >= 0; 0 for none.
        split_seed: of that draw, so that the held-out samples do not change with the seed of the
            run.
        normalisation: what the network sees of the samples; None for the stored numbers themselves.
        augmentation: what training changes about them; None for nothing.

    Raises:
        ValueError: settings that do not fit together.
    """

    def __init__(
        self,
        source: Callable[[], Source],
        validation: Natural,
        split_seed: Seed,
        normalisation: Callable[[], Normalisation] | None,
        augmentation: Callable[[], Augmenter] | None,
    ):
        self.source = source()
        self.shape = self.source.shape
        self.validation = validation
        self.split_seed = split_seed
        self.normalisation = None if normalisation is None else normalisation()
        self.augmentation = None if augmentation is None else augmentation()
        if self.normalisation is not None:
            self.normalisation.check(self.shape)
        if self.augmentation is not None:
            _check_augmentation(self.augmentation, self.source)
        if self.source.train_samples is not None:
            _check_held_out(validation, self.source.train_samples)

    @property
    def classes(self) -> int:
        """Number of classes; an image folder is listed to count them."""
        return self.source.classes

    def load(self) -> Splits:
        """Reads the samples, or lists those that are too many for memory.

        Raises:
            DataError: they are missing or damaged, or not what a classifier could be trained and
                tested on.
            ConfigError: there are not as many as are to be held out.
        """
        train, test = self.source.read()
        names = self.source.class_names  # once: a folder is listed for them
        _refuse_unusable(train, test, names, shown(self.source.place))
        try:
            _check_held_out(self.validation, len(train))
        except ValueError as error:
            raise problem(f"dataset.{error}") from None
        train, validation = held_out(train, self.validation, self.split_seed)
        _refuse_single(train, self.validation, shown(self.source.place))
        _say_absent(train, names, shown(self.source.place))
        return Splits(train, validation, test, len(names), self.shape, names, self.source.timestep)


def held_out(train: Samples, count: int, seed: int) -> tuple[Samples, Samples | None]:
    """`train` without `count` random samples, and those samples; both in the official order."""
    if count == 0:
        return train, None
    order = sample_keys(seed, _HELD_OUT, train.index).argsort()
    return train.at(order[count:].sort().values), train.at(order[:count].sort().values)


def drawn(split: Samples, count: int | None) -> Samples:
    """`count` random samples of a split in the official order, whatever the seed of the run; all of
    them for None or too large a count.
    """
    if count is None or count >= len(split):
        return split
    return split.at(sample_keys(_DRAWN, _HELD_OUT, split.index).argsort()[:count].sort().values)


def _refuse_unusable(train: Samples, test: Samples, names: tuple[str, ...], place: str) -> None:
    if len(names) < 2:
        raise DataError(
            f"{place}: there is {listed(names)}, of which every answer would be right. "
            "Expected: samples of 2 or more classes"
        )
    if len(set(names)) != len(names):
        raise DataError(
            f"{place}: two of {listed(names)} have one name. Expected: another name for every class"
        )
    for split, samples in (("training", train), ("test", test)):
        if len(samples) == 0:
            raise DataError(
                f"{place}: there is no {split} sample. Expected: samples to train on, and "
                "others to test on"
            )
        lowest, highest = int(samples.labels.min()), int(samples.labels.max())
        if lowest < 0 or highest >= len(names):
            raise DataError(
                f"{place}: {split} labels go from {lowest} to {highest}. Expected: 0 to "
                f"{len(names) - 1} for {listed(names)}"
            )


def _refuse_single(train: Samples, validation: int, place: str) -> None:
    if len(train) < 2:
        left = (
            f"validation={validation} leaves 1 training sample"
            if validation
            else "there is 1 training sample"
        )
        raise DataError(
            f"{place}: {left}, of which no norm can take a mean and variance. Expected: 2 or "
            "more, better many"
        )


def _say_absent(train: Samples, names: tuple[str, ...], place: str) -> None:
    absent = sorted(set(range(len(names))) - set(train.labels.unique().tolist()))
    if absent:
        _log.warning(
            "%s: no training sample of %s", place, listed([names[each] for each in absent])
        )


def _check_held_out(validation: int, available: int) -> None:
    if validation >= available:
        raise ValueError(
            f"validation={validation} leaves nothing of {available} training samples; give a "
            f"number from 0 to {available - 1}"
        )


def _check_augmentation(augmentation: Augmenter, source: Source) -> None:
    if augmentation.takes != source.augmented:
        name, other = type(augmentation).__name__, type(source).__name__
        raise ValueError(
            f"dataset.augmentation: {name} changes {augmentation.takes}, and {other} has "
            "samples that are changed as "
            f"{source.augmented}; name an augmentation for these, or none with "
            "dataset.augmentation=null"
        )
    augmentation.check(source.shape)
