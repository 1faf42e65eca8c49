"""JSON and YAML of run folders as plain values: of bounded size, depth and numbers, whoever wrote
them.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

import yaml

from snnexp.files.foreign import Unreadable, read_regular

LARGEST = 4 * 2**20
"""Bytes of a result or a status; those of ImageNet networks at T = 2048 have a tenth of a
megabyte.
"""
LARGEST_RECORDS = 2**28
"""Bytes of the records of a run; those of a thousand epochs of a deep network have some ten
million.
"""
LARGEST_YAML = 2**20
"""Bytes of a configuration, which have some ten thousand; YAML takes a second per megabyte."""
DEEPEST = 64
"""Lists and mappings within each other; a configuration has about eight."""
LONGEST_NUMBER = 2**64
"""Whole numbers are below it, either way; what is larger is no count, seed or size of anything."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Reads words, numbers, true, false and null as Hydra's grammar of overrides does: 010 and 1:30
    are words.
    """

    yaml_implicit_resolvers: dict = {}

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            raise yaml.constructor.ConstructorError(
                problem="a key stands twice", problem_mark=node.start_mark
            )
        return mapping


_SCALARS = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?(?:0|[1-9](?:_?[0-9])*)", list("-+0123456789")),
    "float": (
        r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?)"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}
for _name, (_form, _first) in _SCALARS.items():
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_form})\Z"), _first
    )


def read_json(path: Path | str, limit: int = LARGEST) -> Any:
    """What a JSON file holds. Raises `Unreadable`, which is `Absent` where there is no file."""
    return parsed(path, read_regular(path, limit))


def parsed(path: Path | str, text: bytes) -> Any:
    """What JSON that was read from `path` says. Raises `Unreadable`."""
    try:
        return _bounded(path, json.loads(text.decode("utf-8"), parse_constant=_refuse))
    except (ValueError, RecursionError) as error:
        raise Unreadable(path, f"cannot be read ({_reason(error)})") from error


def read_yaml(path: Path | str, limit: int = LARGEST_YAML) -> Any:
    """What a YAML file holds: one document without anchors, aliases, tags and interpolations, as a
    written configuration is.

    Raises `Unreadable`, which is `Absent` where there is no file.
    """
    return parsed_yaml(path, read_regular(path, limit), limit)


def parsed_yaml(path: Path | str, text: bytes, limit: int = LARGEST_YAML) -> Any:
    """What YAML that was read from `path` says. Raises `Unreadable`."""
    if len(text) > limit:
        raise Unreadable(
            path, f"{len(text)} bytes, more than the {limit} that a configuration may have"
        )
    try:
        _only_plain(path, text)
        return _bounded(path, yaml.load(text, Loader=_Loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(path, f"cannot be read ({_reason(error)})") from error


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def _reason(error: Exception) -> str:
    return (
        "nested too deeply"
        if isinstance(error, RecursionError)
        else re.sub(r"\s+", " ", str(error))
    )


def _only_plain(path: Path | str, text: bytes) -> None:
    """Before anything is built: nine lines of aliases can stand for a billion values."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(
            event, yaml.CollectionEndEvent
        )
        documents += isinstance(event, yaml.DocumentStartEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Unreadable(
                path, "has an anchor or an alias, which a written configuration does not have"
            )
        if getattr(event, "tag", None):
            raise Unreadable(path, "has a tag, which a written configuration does not have")
        if depth > DEEPEST or documents > 1:
            raise Unreadable(
                path, "nested too deeply" if depth > DEEPEST else "more than one document"
            )
        if "${" in (getattr(event, "value", None) or ""):
            raise Unreadable(
                path, "has an interpolation (${...}), which a written configuration does not have"
            )


def _bounded(path: Path | str, value: Any) -> Any:
    level, depth = [value], 0
    while level:
        if depth > DEEPEST:
            raise Unreadable(path, "nested too deeply")
        if any(map(_endless, level)):
            raise Unreadable(path, "has a number that is too large to be one")
        level, depth = [part for each in level for part in _parts(each)], depth + 1
    return value


def _endless(value: Any) -> bool:
    return (
        math.isinf(value)
        if isinstance(value, float)
        else isinstance(value, int) and abs(value) >= LONGEST_NUMBER
    )


def _parts(value: Any) -> list[Any]:
    return (
        [*value, *value.values()]
        if isinstance(value, dict)
        else value
        if isinstance(value, list)
        else []
    )
