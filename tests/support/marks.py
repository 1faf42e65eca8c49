"""Marks of single cases of a parametrised test."""

from typing import Any

import pytest


def soak(*values: Any, **more: Any) -> Any:
    """A case that proves again, at length, what those beside it have shown."""
    return pytest.param(*values, marks=pytest.mark.soak, **more)
