"""A configuration for other machines: what a published network says of folders, and may say."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from snnexp.composition.identity import PLACES, START

DEFAULTS = {"data_dir": "~/.cache/snnexp", "output_dir": "outputs"}
"""Of the keys that say where something is, what they are on a machine that says nothing."""
NOT_PUBLISHED = ("sweep_dir", START)
"""Keys of folders that nobody else has."""
UNTRACKED = {"_target_": "snnexp.track.none.NoTracker"}
"""Whoever opens a network reports to nobody's account."""


def placeless(config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` without the folders and the tracker of the machine that it was run on."""
    return {**_without_places(config), "tracker": dict(UNTRACKED)}


def _without_places(node: Any, key: str = "") -> Any:
    if key in DEFAULTS or key in NOT_PUBLISHED:
        return DEFAULTS.get(key)
    if isinstance(node, Mapping):
        return {name: _without_places(value, str(name)) for name, value in node.items()}
    # Such as a folder of images: it is of no use elsewhere, but its name says what it was.
    return PurePosixPath(node).name if isinstance(node, str) and _leads_out(node) else node


def places_in(node: Any, path: str = "") -> Iterator[str]:
    """What a published configuration says of folders although it may not, by the dotted key: it is
    read on machines whose folders are nobody else's business.
    """
    key = path.rpartition(".")[2]
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from places_in(value, f"{path}.{name}" if path else str(name))
    elif isinstance(node, list):
        for value in node:
            yield from places_in(value, path)
    elif isinstance(node, str) and _forbidden(key, node):
        yield f"{path}: {node!r}"


def _forbidden(key: str, value: str) -> bool:
    if key in PLACES:
        return value != DEFAULTS[key]
    return key in NOT_PUBLISHED or _leads_out(value)


def _leads_out(text: str) -> bool:
    """Whether a text names a place from the root or the home, or climbs."""
    absolute = text.startswith(("/", "~", "\\")) or bool(re.match(r"[A-Za-z]:[\\/]|\w+://", text))
    return absolute or ".." in re.split(r"[\\/]", text)
