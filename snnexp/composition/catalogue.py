"""The options that there are, as their YAML files stand. Nothing here imports Hydra or torch."""

from collections.abc import Iterable
from itertools import takewhile
from typing import TYPE_CHECKING

from snnexp.composition.search import group_folders

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # from Python 3.11 on

WHOLE = "# @package _global_"
"""The first line of a file that sets keys of all the configuration."""


def groups(places: Iterable[str] = ()) -> dict[str, dict[str, "Traversable"]]:
    """The file of each option, by group and name, in this package and in `places`; of two of a
    name the one that Hydra finds first.
    """
    found: dict[str, dict[str, Traversable]] = {}
    for folder in group_folders(places):
        for group in filter(_is_group, folder.iterdir()):
            found[group.name] = {**options(group), **found.get(group.name, {})}
    return {name: dict(sorted(found[name].items())) for name in sorted(found) if found[name]}


def _is_group(folder: "Traversable") -> bool:
    return folder.is_dir() and folder.name[0] not in "_."


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


def text_of(path: "Traversable") -> str:
    """What stands in a file."""
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
