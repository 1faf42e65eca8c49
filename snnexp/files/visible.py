"""Text that nobody here has written, as it can be shown: it moves no cursor, changes no title and
turns no line round.
"""

import re
import unicodedata
from typing import Any

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of what acts or is not seen: controls, formats (of direction, of no width),
halves of pairs, line ends.
"""


def visible(text: str) -> str:
    """`text` with what acts on a terminal as Python writes it, such as `\\\\x1b` or `\\\\u202e`;
    line ends and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each in "\n\t" or unicodedata.category(each) not in _HIDDEN else _escaped(each)
        for each in text
    )


def one_line(text: object) -> str:
    """`visible` text in one line, for a place where a second one would pass for a word of this
    program.
    """
    text = str(text)
    if text.isprintable() and "  " not in text:
        return text  # as nearly all are
    return re.sub(r"\s+", " ", visible(text))


def all_visible(value: Any) -> Any:
    """Plain values whose texts, keys among them, are `visible` and have no line ends."""
    if isinstance(value, dict):
        return {all_visible(key): all_visible(each) for key, each in value.items()}
    if isinstance(value, list):
        return [all_visible(each) for each in value]
    return one_line(value) if isinstance(value, str) else value


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
