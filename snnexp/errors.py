"""Errors that end a run with an exit code of their own."""

from collections.abc import Mapping
from typing import Any


class ConfigError(Exception):
    """The configuration cannot be run; the message says everything that is wrong with it. Exit code
    2.
    """


def problem(said: str) -> ConfigError:
    """The error for the one thing wrong with a configuration, in the words of all such errors."""
    return ConfigError(f"1 problem in this configuration\n  {said}")


class OutOfMemory(Exception):
    """Memory has run out; the message says what was asked for and what needs less. Exit code 4."""


class NumericalError(Exception):
    """A loss, gradient, weight, potential, score or figure is not finite. Exit code 5.

    Args:
        said: what is not finite, where, and what helps.
        facts: what is known of it beside that, in plain values: step, images of the batch, ...
    """

    def __init__(self, said: str, facts: Mapping[str, Any] | None = None):
        super().__init__(said)
        self.facts = facts


def ran_out(error: BaseException) -> bool:
    """Whether an error says that memory has run out: torch has no kind of its own for that of the
    CPU.
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}  # by name: nothing here waits for torch
    return (
        isinstance(error, MemoryError)
        or "OutOfMemoryError" in kinds
        or "can't allocate memory" in str(error)
    )
