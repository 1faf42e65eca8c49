"""Class names of a run against those of the data: numbers alone do not say what a class is."""

from collections.abc import Sequence
from pathlib import Path

from snnexp.datasets.base import DataError
from snnexp.datasets.text import shown

_LISTED = 4


def refuse_others(theirs: Sequence[str] | None, ours: Sequence[str], where: Path | str) -> None:
    """Raises `DataError` unless a network of `theirs` can tell `ours` apart: the same names in the
    same order.

    Args:
        theirs: classes that the network was trained on; None where a run of before did not keep
            them.
        ours: classes of the data it is to see.
        where: the network.
    """
    if theirs is None or list(theirs) == list(ours):
        return
    raise DataError(
        f"{shown(where)}: its network tells {listed(theirs)} apart, the data has "
        f"{listed(ours)}; {_difference(theirs, ours)}. "
        "Expected: data with the same class names in the same order. Remedy: give the "
        "folders of the classes the names they had in "
        "training, or choose the data set that the network was trained on"
    )


def listed(names: Sequence[str]) -> str:
    """Such as `10 classes (airplane, automobile, bird, ..., truck)`."""
    short = [_short(name) for name in names]
    few = short if len(short) <= _LISTED + 1 else [*short[: _LISTED - 1], "...", short[-1]]
    return f"{len(names)} class{'es' if len(names) != 1 else ''} ({', '.join(few)})"


def _difference(theirs: Sequence[str], ours: Sequence[str]) -> str:
    if len(theirs) != len(ours):
        return f"{len(theirs)} and {len(ours)} classes do not go together"
    place = next(
        place for place, (one, other) in enumerate(zip(theirs, ours, strict=True)) if one != other
    )
    order = (
        "they are the same in another order"
        if sorted(theirs) == sorted(ours)
        else "their names differ"
    )
    return (
        f"{order}: class {place} is {_short(theirs[place])!r} there and {_short(ours[place])!r} "
        "here"
    )


def _short(name: str) -> str:
    return shown(name) if len(name) <= 30 else f"{shown(name[:29])}…"
