"""Whether a plain value, as YAML and JSON have them, fits a type, and what the type is in words."""

import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from snnexp.limits import Interval

LONGEST = 200
"""Characters of a value that a message shows."""


@cache
def taken_apart(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """The origin and the arguments of a type: a result has thousands of values of one type."""
    return get_origin(hint), get_args(hint)


def fits(value: Any, hint: Any) -> bool:
    """Whether `value` is one of `hint`; a range that stands in the type counts, and NaN and
    infinities are no numbers.
    """
    return test_of(hint)(value)


@cache
def test_of(hint: Any) -> Callable[[Any], bool]:
    """What tells whether a value is one of `hint`: the type is taken apart once for all values."""
    origin, arguments = taken_apart(hint)
    if hint is Any:
        return lambda value: True
    if origin in _TESTS:
        return _TESTS[origin](arguments)
    if hint in (int, float):
        return _number(int if hint is int else (int, float))
    return lambda value: isinstance(value, origin or hint)


def _number(kinds: type | tuple[type, ...]) -> Callable[[Any], bool]:
    finite = Interval()
    return lambda value: (
        isinstance(value, kinds) and not isinstance(value, bool) and value in finite
    )


def _literal(arguments: tuple[Any, ...]) -> Callable[[Any], bool]:
    return lambda value: any(value == each and type(value) is type(each) for each in arguments)


def _within(arguments: tuple[Any, ...]) -> Callable[[Any], bool]:
    plain = test_of(arguments[0])
    limits = [limit for limit in arguments[1:] if isinstance(limit, Interval)]
    return lambda value: plain(value) and all(value in limit for limit in limits)


def _one_of(arguments: tuple[Any, ...]) -> Callable[[Any], bool]:
    tests = [test_of(each) for each in arguments]
    return lambda value: any(test(value) for test in tests)


def _list(arguments: tuple[Any, ...]) -> Callable[[Any], bool]:
    item = test_of(arguments[0])
    return lambda value: isinstance(value, list) and all(map(item, value))


def _dict(arguments: tuple[Any, ...]) -> Callable[[Any], bool]:
    key, item = map(test_of, arguments)
    return lambda value: (
        isinstance(value, dict) and all(map(key, value)) and all(map(item, value.values()))
    )


_TESTS: dict[Any, Callable[[tuple[Any, ...]], Callable[[Any], bool]]] = {
    Annotated: _within,
    Literal: _literal,
    typing.Union: _one_of,
    types.UnionType: _one_of,
    list: _list,
    tuple: _list,
    dict: _dict,
}
"""By the origin of a type, what makes a test out of its arguments."""


def words(hint: Any) -> str:
    """The type in words, such as `a number in [0, 1] or null`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return f"{words(arguments[0])} {' '.join(map(str, arguments[1:]))}"
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(words, arguments))
    if origin in (list, tuple):
        return f"a list of {words(arguments[0])}"
    names = {
        type(None): "null",
        float: "a number",
        int: "a whole number",
        str: "a word",
        bool: "true or false",
        dict: "a mapping",
    }
    return names.get(origin or hint, getattr(hint, "__name__", str(hint)))


def shown(value: Any) -> str:
    """`value` as Python writes it, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # of a whole number of thousands of digits, anywhere in it
        text = "a number of thousands of digits"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"
