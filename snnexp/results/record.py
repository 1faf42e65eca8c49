"""Dataclasses as JSON: how they are written and read, and what in a foreign file does not fit
them.
"""

import dataclasses
import types
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from snnexp.files.hints import fits, shown, taken_apart, test_of, words

EXTRA = "extra"
"""The field for whatever else stands in the file, on the level of the fields themselves."""


def to_json(record: Any) -> Any:
    """A record in dicts, lists and plain values, fields in the order in which they are declared.

    A field without a default is always written, as null where there is nothing. One whose default
    is None is left out then.
    """
    if isinstance(record, list):
        return [to_json(value) for value in record]
    if isinstance(record, Mapping):
        return {key: to_json(value) for key, value in record.items()}
    if not dataclasses.is_dataclass(record):
        return record
    written: dict[str, Any] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if field.name == EXTRA:
            written |= value
        elif value is not None or field.default is not None:
            written[field.name] = to_json(value)
    return written


def from_json(kind: type, found: Mapping[str, Any]) -> Any:
    """The record of this kind that a mapping says, which `faults` has nothing against.

    A field that is not there, as in files that are older than it, is None; a key that is no field
    is left out.
    """
    known = hints(kind)
    fields = {name: convert(known[name], found[name]) for name in known if name in found}
    return kind(**{name: None for name in required(kind) if name not in fields}, **fields)


def convert(hint: Any, value: Any) -> Any:
    """`value` as the type says: mappings as records, whole numbers as numbers where any number may
    stand.
    """
    return _converter(hint)(value)


@cache
def _converter(hint: Any) -> Callable[[Any], Any]:
    """What converts values of a type: the type is taken apart once for all of them."""
    hint = _without_null(hint)
    origin, arguments = taken_apart(hint)
    if hasattr(hint, "__metadata__"):
        return _converter(arguments[0])
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return lambda value: None if value is None else from_json(hint, value)
    if origin is list:
        return _of_list(_converter(arguments[0]))
    if origin is dict:
        return _of_dict(_converter(arguments[1]))
    return _real if hint is float else _same


def _of_list(item: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else [*map(item, value)]


def _of_dict(item: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else {key: item(each) for key, each in value.items()}


def _real(value: Any) -> Any:
    return float(value) if isinstance(value, int) else value


def _same(value: Any) -> Any:
    return value


def faults(kind: type, found: Any, path: str = "") -> Iterator[str]:
    """What keeps `found` from being a record of this kind, in words; `path` names it within the
    file.
    """
    if not isinstance(found, Mapping):
        yield f"{path}: expected a mapping, got {shown(found)}"
        return
    prefix = f"{path}." if path else ""
    for name, fitting, hint in _tests(kind):
        if name in found and not fitting(found[name]):
            yield from _faults_of(hint, found[name], f"{prefix}{name}")


@cache
def _tests(kind: Any) -> list[tuple[str, Callable[[Any], bool], Any]]:
    """The fields of a kind of record, what tells at once that a value fits, and their types."""
    every = hints(kind).items()
    plain = ((name, _record_within(hint)[1] is None, hint) for name, hint in every)
    return [(name, test_of(hint) if is_plain else _never, hint) for name, is_plain, hint in plain]


def _never(value: Any) -> bool:
    return False


def _faults_of(hint: Any, value: Any, path: str) -> Iterator[str]:
    shape, record = _record_within(hint)
    if record is None or (value is None and fits(None, hint)):
        if not fits(value, hint):
            yield f"{path}: expected {words(hint)}, got {shown(value)}"
    elif shape is None:
        yield from faults(record, value, path)
    elif not isinstance(value, shape):
        yield f"{path}: expected {'a list' if shape is list else 'a mapping'}, got {shown(value)}"
    else:
        content: Any = value
        for key, item in enumerate(content) if shape is list else content.items():
            yield from faults(record, item, f"{path}[{key}]" if shape is list else f"{path}.{key}")


@cache
def _record_within(hint: Any) -> tuple[type | None, Any]:
    """The kind of record in `Record`, `list[Record]` or `dict[str, Record]`, and which of these it
    is.
    """
    hint = _without_null(hint)
    if dataclasses.is_dataclass(hint):
        return None, hint
    arguments = get_args(hint)
    if get_origin(hint) in (list, dict) and dataclasses.is_dataclass(arguments[-1]):
        return get_origin(hint), arguments[-1]
    return None, None


@cache
def _without_null(hint: Any) -> Any:
    """The type `X` of `X | None`, and any other type as it is."""
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    options = [option for option in get_args(hint) if option is not type(None)]
    return options[0] if len(options) == 1 else hint


def hints(kind: type) -> dict[str, Any]:
    """The fields of a kind of record that stand in its file under their own names, and their
    types.
    """
    return _hints(kind)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    told = get_type_hints(kind, include_extras=True)
    held = [field.name for field in dataclasses.fields(kind) if not field.metadata.get("held")]
    return {name: told[name] for name in held if name != EXTRA}


def required(kind: type) -> tuple[str, ...]:
    """The fields that have no default."""
    return _required(kind)


@cache
def _required(kind: Any) -> tuple[str, ...]:
    missing = dataclasses.MISSING
    given = [
        field
        for field in dataclasses.fields(kind)
        if field.default is missing and field.default_factory is missing
    ]
    return tuple(field.name for field in given if field.name in hints(kind))
