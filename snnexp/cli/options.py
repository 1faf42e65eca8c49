"""`snnexp list`: experiments and options, read from the YAML files as they are."""

import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.composition.catalogue import groups, headline, is_added_group
from snnexp.composition.search import search_of
from snnexp.errors import ConfigError
from snnexp.files.visible import visible
from snnexp.survey.experiments import references

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # from Python 3.11 on

Options = dict[str, "Traversable"]


def show(arguments: list[str]) -> int:
    """Prints the experiments, or the options of one group; of both those that a word is in."""
    try:
        search = search_of(arguments)
    except ConfigError as error:
        print(visible(f"snnexp: {error}"), file=sys.stderr)
        return 2
    return _show(search.others, groups(search.places))


def _show(arguments: list[str], known: dict[str, Options]) -> int:
    words = list(arguments)
    group = words.pop(0) if words and words[0] in known else None
    if not words:
        pages = {group or "experiment": known[group or "experiment"]}
    elif group is not None:
        pages = {group: _with(" ".join(words), group, known[group])}
    else:
        pages = _anywhere(" ".join(words), known)
    if not any(pages.values()):
        print(visible(_nothing(arguments, group, known)), file=sys.stderr)
        return 2
    for name, found in pages.items():
        _print(_experiments(found) if name == "experiment" else _options(name, found))
    if not arguments:
        print(
            "Run one with: snnexp train +experiment=NAME.  Fewer: snnexp list WORD.  Groups: "
            f"{', '.join(known)} (snnexp list GROUP)."
        )
    return 0


def _print(table: Table) -> None:
    console = Console()  # what rich prints itself ends with code 1 where `head` closes the pipe
    with console.capture() as capture:
        console.print(table)
    print(capture.get(), end="")


def _anywhere(word: str, known: Options) -> dict[str, Options]:
    """Options of every group whose names have the word; where there are none and it is no group
    misspelt, experiments that say it.
    """
    named = {group: _named(word, folder) for group, folder in known.items()}
    found = {group: inside for group, inside in named.items() if inside}
    if found or get_close_matches(word, known, 1, 0.8):
        return found
    return {"experiment": _with(word, "experiment", known["experiment"])}


def _named(word: str, found: Options) -> Options:
    return {name: path for name, path in found.items() if word.lower() in name}


def _with(word: str, group: str, found: Options) -> Options:
    """Those that have the word in their name, else those that have it in what is said of them."""
    return _named(word, found) or {
        name: path for name, path in found.items() if word.lower() in _said(name, group, path)
    }


def _said(name: str, group: str, path: "Traversable") -> str:
    rows = references()[name].get("rows", []) if group == "experiment" else []
    return " ".join([headline(path), *rows]).lower()


def _nothing(words: list[str], group: str | None, known: Options) -> str:
    word = " ".join(words if group is None else words[1:])
    if group is not None:
        near = get_close_matches(word, known[group], 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"snnexp: no option of {group} has {word!r} in it{hint} (snnexp list {group})"
    near = get_close_matches(word, known, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return (
        f"snnexp: there is no group {word!r} and no option with it in its name; {hint}groups "
        f"are {', '.join(known)}"
    )


def _experiments(found: Options) -> Table:
    table = _page("Experiments", "experiment", "what it is, rows of the survey")
    table.add_column("published", justify="right", no_wrap=True)
    table.add_column("T", justify="right", no_wrap=True)
    for name, path in found.items():
        reference = references()[name]
        words = Text(headline(path))
        words.append("".join(f"\n{row}" for row in reference.get("rows", [])), "dim")
        values = (reference.get("accuracy"), reference.get("timesteps"))
        table.add_row(name, words, *("" if each is None else str(each) for each in values))
    return table


def _options(group: str, found: Options) -> Table:
    plus = "+" if is_added_group(found.values()) else ""
    table = _page(f"{plus}{group}=...", "option", "what it is")
    for name, path in found.items():
        table.add_row(name, Text(headline(path)))
    return table


def _page(title: str, name: str, words: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(name, no_wrap=True, style="cyan")  # whole, so that it can be copied
    table.add_column(words, overflow="fold")
    return table
