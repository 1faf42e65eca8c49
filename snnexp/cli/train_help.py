"""`snnexp train --help`: usage, the options of every group, and the keys with their comments."""

import re
import sys
import textwrap
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING

from snnexp.cli.pages import TRAIN
from snnexp.composition.catalogue import groups, is_added_group, text_of
from snnexp.composition.search import search_of
from snnexp.errors import ConfigError
from snnexp.files.visible import visible

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # from Python 3.11 on

WIDTH = 100
INDENT = 20
INTERNAL = ("needs", "stage")
"""Groups whose options are brought by those of others."""


def train_help(arguments: list[str]) -> int:
    """Prints the page; options of the user's own that the arguments name are among the others."""
    try:
        search = search_of(arguments)
    except ConfigError as error:
        print(visible(f"snnexp: {error}"), file=sys.stderr)
        return 2
    print(TRAIN)
    print("groups and their options (snnexp list GROUP, snnexp show GROUP=OPTION):")
    for line in _groups(groups(search.places)):
        print(visible(line))
    print("\nkeys and their defaults, as conf/config.yaml has them:")
    print(textwrap.indent(_keys(), "  "))
    return 0


def _groups(known: dict[str, dict[str, "Traversable"]]) -> Iterator[str]:
    for group, inside in known.items():
        if group in INTERNAL:
            continue
        name = f"{'+' if is_added_group(inside.values()) else ''}{group}"
        shown = [*inside] if len(inside) < 60 else [f"{len(inside)} of them: snnexp list"]
        yield textwrap.fill(
            f"{name:<{INDENT - 3}} {', '.join(sorted(shown))}",
            WIDTH,
            initial_indent="  ",
            subsequent_indent=" " * INDENT,
            break_on_hyphens=False,
        )


def _keys() -> str:
    """The keys of the configuration that belong to no group, comments and all."""
    text = text_of(files("snnexp.conf") / "config.yaml")
    start = re.search(r"^timesteps:", text, re.MULTILINE)
    return text[start.start() if start else 0 :].partition("\nhydra:")[0].strip()
