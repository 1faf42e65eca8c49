"""The keys of an option: default, what they may be, what they mean. Nothing here imports torch."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnexp.composition.catalogue import text_of
from snnexp.composition.declared import Declared, declared
from snnexp.files.visible import one_line

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # from Python 3.11 on

TARGET = "_target_"
NOTHING = Declared(Path(), 0, "")
"""Of a component whose source cannot be read."""


@dataclass(frozen=True)
class Key:
    """A setting of a component, or of one within it.

    Args:
        name: dotted, without that of its group.
        default: as YAML has it.
        range: what it may be, in words; empty where that cannot be told.
        meaning: in words; empty where nothing is said.
    """

    name: str
    default: str
    range: str
    meaning: str


def keys(content: Mapping[str, Any], remarks: Mapping[str, str], prefix: str = "") -> Iterator[Key]:
    """The settings of a component and of those within it.

    Args:
        content: of the file of the option.
        remarks: the comments in it, as `remarks` has them.
        prefix: the name of what the component is in, with a dot.
    """
    source = declared(content[TARGET]) or NOTHING
    for key, value in content.items():
        if isinstance(value, dict) and TARGET in value:
            yield from keys(value, remarks, f"{prefix}{key}.")
        elif key not in (TARGET, "defaults"):
            said = (source.meanings.get(key, ""), remarks.get(f"{prefix}{key}", ""))
            yield Key(f"{prefix}{key}", plain(value), source.types.get(key, ""), max(said, key=len))


def remarks(path: "Traversable") -> dict[str, str]:
    """The comments behind the keys of a file, and behind those of what stands in it."""
    outer, found = "", {}
    for line in text_of(path).splitlines():
        key = re.match(r"( *)(\w+):[^#]*(?:#\s*(.*))?$", line)
        if key:
            outer = outer if key[1] else key[2]
            found[f"{outer}.{key[2]}" if key[1] else key[2]] = key[3] or ""
    return found


def plain(value: Any) -> str:
    """A value as it is typed."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return one_line(value)


def settings(path: "Traversable") -> str:
    """What stands in a file behind its head."""
    lines = text_of(path).splitlines()
    first = next((n for n, line in enumerate(lines) if line[:1] != "#"), len(lines))
    return "\n".join(lines[first:])
