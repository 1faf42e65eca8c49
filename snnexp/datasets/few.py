"""A few samples of a data set, for runs that look for mistakes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from snnexp.datasets.base import Splits
from snnexp.datasets.dataset import drawn


def of_few(splits: Splits, debug: Mapping[str, Any] | None) -> Splits:
    """The splits with as many training samples as `debug` allows, drawn at random; the same take
    the place of those that are evaluated, where it says so. As they are without one.
    """
    if not debug:
        return splits
    train = drawn(splits.train, debug["images"])
    if not debug["on_training_images"]:
        return replace(splits, train=train)
    validation = None if splits.validation is None else train
    return replace(splits, train=train, validation=validation, test=train)
