"""The options that there are, as their YAML files stand. Nothing here imports Hydra or torch."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # from Python 3.11 on

WHOLE = "# @package _global_"
"""The first line of a file that sets keys of all the configuration."""


def groups() -> dict[str, "Traversable"]:
    """The folder of each group, by its name."""
    found = (each for each in files("snnexp.conf").iterdir() if each.is_dir())
    return {each.name: each for each in sorted(found, key=_name) if each.name[0] not in "_."}


def options(folder: "Traversable") -> dict[str, "Traversable"]:
    """The file of each option in the folder of a group, by its name."""
    found = (each for each in folder.iterdir() if each.name.endswith(".yaml"))
    return {each.name.removesuffix(".yaml"): each for each in sorted(found, key=_name)}


def _name(path: "Traversable") -> str:
    return path.name


def is_added(path: "Traversable") -> bool:
    """Whether an option is added to the configuration and replaces no other one."""
    return text_of(path).startswith(WHOLE)


def is_added_group(paths: Iterable["Traversable"]) -> bool:
    """Whether the options of a group are added with a plus."""
    return any(is_added(path) for path in paths)


@cache
def text_of(path: "Traversable") -> str:
    """What stands in a file; a group is asked for it more than once."""
    return path.read_text(encoding="utf-8")


def headline(path: "Traversable") -> str:
    """The title of a file: its first comment that is no directive to Hydra, and what is indented
    behind it.
    """
    lines = comment(path)
    title = [*lines[:1], *takewhile(lambda line: line.startswith("  "), lines[1:])]
    return " ".join(line.strip() for line in title)


def comment(path: "Traversable") -> list[str]:
    """The comment at the head of a file without the directives to Hydra, line by line."""
    lines = (line for line in text_of(path).splitlines() if not line.startswith("# @package"))
    return [line.removeprefix("# ") for line in takewhile(lambda line: line[:1] == "#", lines)]


def beside(folders: Iterable[Path]) -> dict[str, dict[str, "Traversable"]]:
    """The options in folders of the user's own, by group, as Hydra's search path takes them."""
    found: dict[str, dict[str, Traversable]] = {}
    for folder in folders:
        for group in sorted(each for each in folder.iterdir() if each.is_dir()):
            found.setdefault(group.name, {}).update(options(group))
    return {group: inside for group, inside in found.items() if inside}
