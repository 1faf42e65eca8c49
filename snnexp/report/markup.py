"""Markup of HTML and SVG in which nothing can stand that somebody else has written, but as text."""

from collections.abc import Iterable
from html import escape

from snnexp.files.visible import one_line

VOID = ("meta", "link", "br")
"""Elements of HTML without an end."""


class Markup(str):
    """Text that is markup already; every other text becomes so by `text`."""


def text(value: object) -> Markup:
    """A text as it can be shown: in one line, with whatever would act as markup escaped."""
    return Markup(escape(one_line(value)))


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element; children that are no `Markup` are text, and so is what attributes say.

    Attributes are named in Python's way: `class_`, `stroke_width`. One that is None is left out.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{said}>")
    return Markup(f"<{name}{said}>{joined(children)}</{name}>")


def joined(children: Iterable[object]) -> Markup:
    """Children one behind the other."""
    return Markup("".join(each if isinstance(each, Markup) else text(each) for each in children))


def _short(value: object) -> object:
    """Places of a drawing to a tenth of a pixel."""
    return f"{round(value, 1):g}" if isinstance(value, float) else value
