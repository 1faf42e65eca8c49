"""What all charts have."""

import abc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Chart(abc.ABC):
    """A picture as data.

    Args:
        title: a few words above it.
        about: a sentence that says what it shows, for who cannot see it and for who wonders.
    """

    title: str
    about: str

    @property
    @abc.abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of `rows`."""

    @abc.abstractmethod
    def rows(self) -> Iterator[Row]:
        """What is drawn, as a table; None where there is nothing."""
