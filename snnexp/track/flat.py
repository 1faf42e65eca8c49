"""Nested settings as a list of single ones."""

from collections.abc import Mapping
from typing import Any


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under the dotted keys of the command line: `{"neuron": {"leak": 0.9}}`
    becomes `{"neuron.leak": 0.9}`.
    """
    settings: dict[str, Any] = {}
    for key, value in config.items():
        settings |= (
            flat(value, f"{prefix}{key}.")
            if isinstance(value, Mapping) and value
            else {f"{prefix}{key}": value}
        )
    return settings
