"""`snnexp list`: experiments and options, read from the YAML files as they are."""

import sys
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import takewhile
from typing import TYPE_CHECKING

import yaml
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.composition.search import group_folders, search_of
from snnexp.errors import ConfigError
from snnexp.files.visible import visible

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # from Python 3.11 on


def show(arguments: list[str]) -> int:
    """Prints the experiments, or the options of one group."""
    try:
        search = search_of(arguments)
    except ConfigError as error:
        print(visible(f"snnexp: {error}"), file=sys.stderr)
        return 2
    return _show(search.others, _groups(search.places))


def _groups(places: Iterable[str]) -> dict[str, list["Traversable"]]:
    """The files of every group, by the name of the option; of two of a name the one that Hydra
    finds first.
    """
    groups: dict[str, dict[str, Traversable]] = {}
    for folder in group_folders(places):
        for group in filter(_is_group, folder.iterdir()):
            for path in (each for each in group.iterdir() if each.name.endswith(".yaml")):
                groups.setdefault(group.name, {}).setdefault(path.name, path)
    return {name: [found[key] for key in sorted(found)] for name, found in groups.items()}


def _is_group(folder: "Traversable") -> bool:
    return folder.is_dir() and not folder.name.startswith(("_", "."))


def _show(arguments: list[str], groups: dict[str, list["Traversable"]]) -> int:
    group = arguments[0] if arguments else "experiment"
    if group not in groups or len(arguments) > 1:
        print(visible(_no_group(" ".join(arguments), groups)), file=sys.stderr)
        return 2
    options = groups[group]
    console = Console()
    with (
        console.capture() as capture
    ):  # what rich prints itself ends with code 1 where `head` closes the pipe
        console.print(_experiments(options) if group == "experiment" else _options(group, options))
    print(capture.get(), end="")
    if not arguments:
        print(
            "Run one with: snnexp train +experiment=NAME.  Groups: "
            f"{', '.join(sorted(groups))} (snnexp list GROUP)."
        )
    return 0


def _no_group(name: str, groups: Iterable[str]) -> str:
    near = get_close_matches(name, groups, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"snnexp: there is no group {name!r}; {hint}there are {', '.join(sorted(groups))}"


def _experiments(paths: list["Traversable"]) -> Table:
    table = _page("Experiments", "experiment", "what it is, rows of the survey")
    table.add_column("published", justify="right", no_wrap=True)
    table.add_column("T", justify="right", no_wrap=True)
    for path in paths:
        reference = (yaml.safe_load(path.read_text()) or {}).get("reference") or {}
        words = Text(headline(path))
        words.append("".join(f"\n{row}" for row in reference.get("rows", [])), "dim")
        values = (reference.get("accuracy"), reference.get("timesteps"))
        table.add_row(
            path.name.removesuffix(".yaml"),
            words,
            *("" if each is None else str(each) for each in values),
        )
    return table


def _options(group: str, paths: list["Traversable"]) -> Table:
    plus = "+" if any(_is_added(path) for path in paths) else ""
    table = _page(f"{plus}{group}=...", "option", "what it is")
    for path in paths:
        table.add_row(path.name.removesuffix(".yaml"), Text(headline(path)))
    return table


def _page(title: str, name: str, words: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(name, no_wrap=True, style="cyan")  # whole, so that it can be copied
    table.add_column(words, overflow="fold")
    return table


def _is_added(path: "Traversable") -> bool:
    """Whether a file sets keys of all the configuration, so that it is added to it and replaces no
    other option.
    """
    return path.read_text().startswith("# @package _global_")


def headline(path: "Traversable") -> str:
    """The title of a YAML file: its first comment that is no directive to Hydra, and what is
    indented behind it.
    """
    lines = [line for line in path.read_text().splitlines() if not line.startswith("# @package")]
    title = lines[:1] if lines and lines[0].startswith("#") else []
    title += takewhile(lambda line: line.startswith("#   "), lines[1:])
    return " ".join(line.removeprefix("#").strip() for line in title)
