"""What is being done: whoever works says how far it is, and needs not know who looks."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_works: list["Work"] = []
_labels: list[str] = []
_followers: list["Follow"] = []


class Work:
    """Something that takes a while, in parts that are done one after the other.

    To advance costs two assignments: whoever shows it looks from time to time.

    Args:
        verb: what is done, such as "evaluating".
        total: how many parts there are; None where it is not known.
        unit: what a part is, such as "batches".
        size: images times timesteps of all parts, by which pieces of work are compared; 0 for none.
        first: parts that had been done before.
    """

    def __init__(self, verb: str, total: int | None, unit: str, size: float, first: int):
        self.verb, self.total, self.unit, self.size = verb, total, unit, size
        self.first = self.done = first
        self.begun = self.last = time.perf_counter()
        self.warm: float | None = None
        """When the first part was done, which is slower than the others."""

    def advance(self, parts: int = 1) -> None:
        """So many more parts are done."""
        self.done += parts
        self.last = time.perf_counter()
        if self.warm is None:
            self.warm = self.last

    def share(self, within: float = 0.0) -> float | None:
        """What share of it is done, with so much of the part at hand."""
        return None if not self.total else min((self.done + within) / self.total, 1.0)

    def pace(self, within: float = 0.0) -> float | None:
        """Seconds per part, from the second part on if there is one; None before anything is
        known.
        """
        parts = self.done - self.first
        if parts > 1 and self.warm is not None:
            return (self.last - self.warm) / (parts - 1)
        known = parts + within
        return (time.perf_counter() - self.begun) / known if known > 0 else None


Follow = Callable[[tuple[str, ...], Work], object]
"""Is told of work that has ended, and of the labels that it stood under."""


@contextmanager
def doing(
    verb: str, total: int | None = None, unit: str = "", size: float = 0.0, first: int = 0
) -> Iterator[Work]:
    """Within the block this is what is done, as a part of whatever is being done around it;
    arguments as those of `Work`.
    """
    work = Work(verb, total, unit, size, first)
    _works.append(work)
    try:
        yield work
    except BaseException as error:
        _stays(error)
        raise
    finally:
        _end(work)


def _end(work: Work) -> None:
    if work not in _works:
        return
    del _works[_works.index(work) :]
    if not _works:
        for follow in _followers:
            follow(tuple(_labels), work)


def advance(parts: int) -> None:
    """So many more parts of the innermost work are done, if it is one of timesteps."""
    if _works and _works[-1].unit == "timesteps":
        _works[-1].advance(parts)


@contextmanager
def within(label: str) -> Iterator[None]:
    """Within the block work is of this, such as a stage or an epoch."""
    depth = len(_works)
    _labels.append(label)
    try:
        yield
    except BaseException as error:
        _stays(error)
        raise
    finally:
        _labels.pop()
        del _works[depth:]  # of a generator that an error keeps from ending


@contextmanager
def followed(follow: Follow) -> Iterator[None]:
    """Within the block `follow` is told of every piece of work that has ended."""
    _followers.append(follow)
    try:
        yield
    finally:
        _followers.remove(follow)


def now() -> tuple[tuple[str, ...], tuple[Work, ...]]:
    """The labels, and what is being done, the outermost first."""
    return tuple(_labels), tuple(_works)


def place_of(error: BaseException | None) -> tuple[tuple[str, ...], tuple[Work, ...]]:
    """The labels and the work that an error has ended."""
    return getattr(error, "ended", ((), ()))


def _stays(error: BaseException) -> None:
    if not hasattr(error, "ended"):
        error.ended = now()


def inner_share(works: tuple[Work, ...]) -> float:
    """What share of the part at hand of the outermost work is done, by the works within it."""
    share = 0.0
    for work in reversed(works[1:]):
        share = work.share(share) or 0.0
    return share
