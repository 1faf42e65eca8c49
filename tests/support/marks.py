"""Marks of single cases of a parametrised test."""

from typing import Any

import pytest


def case(*values: Any, **more: Any) -> Any:
    """A case that is tried every time."""
    return pytest.param(*values, **more)


def soak(*values: Any, **more: Any) -> Any:
    """A case that proves again, at length, what those beside it have shown."""
    return pytest.param(*values, marks=pytest.mark.soak, **more)
