"""`snnexp train --help`: usage, the options of every group, and the keys with their comments."""

import re
import textwrap
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from snnexp.cli.pages import TRAIN
from snnexp.composition.catalogue import beside, groups, is_added_group, options, text_of
from snnexp.files.visible import visible

WIDTH = 100
INDENT = 20
INTERNAL = ("stage",)
"""Groups whose options are parts of those of others."""


def train_help(arguments: list[str]) -> int:
    """Prints the page; options of the user's own that the arguments name are among the others."""
    print(TRAIN)
    print("groups and their options (snnexp list GROUP, snnexp show GROUP=OPTION):")
    for line in _groups(own_folders(arguments)):
        print(visible(line))
    print("\nkeys and their defaults, as conf/config.yaml has them:")
    print(textwrap.indent(_keys(), "  "))
    return 0


def own_folders(arguments: list[str]) -> list[Path]:
    """The folders of options that are named as arguments."""
    found = re.findall(r"file://([^,\]'\"]+)", " ".join(arguments))
    for number, word in enumerate(arguments):
        flag, equals, value = word.partition("=")
        if flag in ("--config-dir", "-cd"):
            found += [value] if equals else arguments[number + 1 : number + 2]
    return [Path(each) for each in found if Path(each).is_dir()]


def _groups(own: list[Path]) -> Iterator[str]:
    known, more = groups(), beside(own)
    for group in sorted({*known, *more} - {*INTERNAL}):
        inside = {**options(known[group])} if group in known else {}
        inside |= more.get(group, {})
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
