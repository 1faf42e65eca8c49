"""What a single value or key may not be, beyond what its type says, in words."""

import math
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from snnexp.configuration.soundness import Fault
from snnexp.files.hints import shown
from snnexp.limits import LARGEST, SMALLEST, WHOLE, computable


def out_of_place(value: Any, path: str) -> Iterator[Fault]:
    """What may stand nowhere: components where none are built, and text that would be read as
    something else the next time.
    """
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield Fault(f"{path}._target_", "nothing is built here")
        yield from (
            fault for key, each in value.items() for fault in out_of_place(each, f"{path}.{key}")
        )
    elif isinstance(value, list):
        yield from (fault for each in value for fault in out_of_place(each, path))
    elif isinstance(value, str) and "${" in value:
        yield Fault(
            path,
            f"expected text without ${{...}}, which config.yaml has none of, got {shown(value)}",
        )


def beyond(value: Any) -> str:
    """Why a number is refused that is within the range which the message names."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    if not number or computable(value):
        return ""
    if isinstance(value, int):
        return f"; whole numbers are below 2^{WHOLE.bit_length() - 1}"
    return (
        (
            f"; numbers other than 0 are from {SMALLEST:.2g} to {LARGEST:.2g}, which is what "
            "float32 holds"
        )
        if abs(value) != math.inf
        else ""
    )


def nearest(key: Any, known: Mapping[str, Any]) -> str:
    """What a key may have been meant for: the nearest that is known, or else all of them."""
    near = get_close_matches(str(key), known, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(known))}"
