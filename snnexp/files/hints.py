"""Whether a plain value, as YAML and JSON have them, fits a type, and what the type is in words."""

import types
import typing
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from snnexp.limits import Interval

LONGEST = 200
"""Characters of a value that a message shows."""


@cache
def taken_apart(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """The origin and the arguments of a type: a result has thousands of values of one type."""
    return get_origin(hint), get_args(hint)


def fits(value: Any, hint: Any) -> bool:  # noqa: PLR0911 - one line per kind of type
    """Whether `value` is one of `hint`; a range that stands in the type counts, and NaN and
    infinities are no numbers.
    """
    origin, arguments = taken_apart(hint)
    if hint is Any:
        return True
    if origin is Annotated:
        return fits(value, arguments[0]) and all(
            value in limit for limit in arguments[1:] if isinstance(limit, Interval)
        )
    if origin is Literal:
        return any(value == each and type(value) is type(each) for each in arguments)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, each) for each in arguments)
    if origin in (list, tuple):
        return isinstance(value, list) and all(fits(each, arguments[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            fits(key, arguments[0]) and fits(each, arguments[1]) for key, each in value.items()
        )
    if hint in (int, float):
        return (
            isinstance(value, int if hint is int else int | float)
            and not isinstance(value, bool)
            and value in Interval()
        )
    return isinstance(value, origin or hint)


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
