"""`snnexp show GROUP=OPTION`: what an option is, which keys it has and what they may be."""

import re
import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.composition.catalogue import comment, groups, is_added, text_of
from snnexp.composition.declared import Declared, declared
from snnexp.composition.keys import TARGET, Key, keys, remarks, settings
from snnexp.composition.search import search_of
from snnexp.errors import ConfigError
from snnexp.files.visible import visible
from snnexp.survey.experiments import LOADER

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # from Python 3.11 on

Options = Mapping[str, "Traversable"]


def show_option(arguments: list[str]) -> int:
    """Prints what there is to know about an option, or about a key of conf/config.yaml."""
    try:
        search = search_of(arguments)
    except ConfigError as error:
        return _refuse(str(error))
    if len(search.others) != 1:
        return _refuse("usage: snnexp show GROUP=OPTION, such as snnexp show neuron=lif")
    return _shown(search.others[0], groups(search.places))


def _shown(argument: str, known: Mapping[str, Options]) -> int:
    group, is_option, option = argument.lstrip("+").partition("=")
    if not is_option:
        return _shown_key(group, known)
    if group not in known:
        return _refuse(_unknown("group", group, known))
    found = known[group]
    if option not in found:
        return _refuse(_unknown(f"option of {group}", option, found))
    console = Console(highlight=False)
    with console.capture() as capture:
        for part in _page(group, option, known):
            console.print(part)
    print(capture.get(), end="")
    return 0


def _refuse(message: str) -> int:
    print(visible(f"snnexp: {message}"), file=sys.stderr)
    return 2


def _unknown(kind: str, name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"there is no {kind} {name!r}; {hint}there are {', '.join(known)}"


def _shown_key(key: str, known: Mapping[str, Any]) -> int:
    """A key that belongs to no group, as conf/config.yaml has it."""
    if key in known:
        return _refuse(f"{key} is a group: snnexp list {key}, then snnexp show {key}=OPTION")
    text = text_of(files("snnexp.conf") / "config.yaml").partition("\nhydra:")[0]
    found = re.search(rf"^{re.escape(key)}:.*(?:\n[ ].*)*", text, re.MULTILINE)
    if found is None:
        every = [*known, *re.findall(r"^(\w+):", text, re.MULTILINE)]
        near = get_close_matches(key, every, 1)
        hint = f"did you mean {near[0]!r}?" if near else "snnexp train --help lists all"
        return _refuse(f"there is no group and no key {key!r}; {hint}")
    print(found[0])
    return 0


def _page(group: str, option: str, known: Mapping[str, Options]) -> Iterator[Text | Table]:
    path = known[group][option]
    content = yaml.load(text_of(path), Loader=LOADER) or {}
    yield Text(f"{'+' if is_added(path) else ''}{group}={option}", "bold")
    yield Text("\n".join(comment(path)))
    main = declared(content[TARGET]) if TARGET in content else None
    if main is not None:
        yield Text(f"\n{main.about}")
        rows = [*keys(content, remarks(path))]
        yield _table(rows, "strategy.stages.NAME." if group == "stage" else f"{group}.")
    else:
        yield Text(f"\n{settings(path)}")
    yield Text()
    yield _facts(group, option, main, known)


def _table(rows: list[Key], prefix: str) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("\nkey", style="cyan", no_wrap=True)  # whole, so that it can be copied
    table.add_column("\ndefault", overflow="fold")
    table.add_column("\nmay be", overflow="fold")
    table.add_column("\nmeaning", overflow="fold")
    for key in rows:
        name = f"{prefix}{key.name}"
        table.add_row(*map(Text, (name, key.default, key.range, key.meaning)))
    return table


def _facts(group: str, option: str, main: Declared | None, known: Mapping[str, Options]) -> Table:
    """Where it comes from, who takes it and how it is chosen."""
    facts = {
        "source": f"{main.path}:{main.line}" if main else "",
        "leaves": f"a network of form {main.constants['form']}"
        if main and group == "stage" and "form" in main.constants
        else "",
        "stages": ", ".join(_stages(option, known)) if group == "strategy" else "",
        "strategies": ", ".join(_takers(group, known)),
        "experiments": _experiments(group, option, known),
        "choose": _choice(group, option, known),
    }
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in facts.items():
        if value:
            table.add_row(Text(name), Text(value, overflow="fold"))
    return table


def _choice(group: str, option: str, known: Mapping[str, Options]) -> str:
    path = known[group][option]
    if group == "stage":
        return f"snnexp train stage@strategy.stages.NAME={option}"
    return f"snnexp train {'+' if is_added(path) else ''}{group}={option}"


def _stages(strategy: str, known: Mapping[str, Options]) -> Iterator[str]:
    """The stages of a strategy and the form of the network that each leaves."""
    for name, stage in _stages_of(strategy, known):
        content = yaml.load(text_of(known["stage"][stage]), Loader=LOADER) or {}
        source = declared(content[TARGET]) if TARGET in content else None
        form = source.constants.get("form") if source else None
        yield f"{name} ({stage}{f', leaves a network of form {form}' if form else ''})"


def _stages_of(strategy: str, known: Mapping[str, Options]) -> Iterator[tuple[str, str]]:
    text = text_of(known["strategy"][strategy])
    content = yaml.load(text, Loader=LOADER) or {}
    for entry in content.get("defaults", []):
        if isinstance(entry, str) and entry != "_self_":
            yield from _stages_of(entry, known)
    yield from re.findall(r"/stage@stages\.(\w+): (\w+)", text)


def _takers(group: str, known: Mapping[str, Options]) -> list[str]:
    """The strategies whose stages take an option of a group that only some ask for."""
    stages = {name: text_of(path) for name, path in known["stage"].items()}
    asking = {name for name, text in stages.items() if f"${{{group}}}" in text}
    return [
        strategy
        for strategy in known["strategy"]
        if any(stage in asking for _, stage in _stages_of(strategy, known))
    ]


def _experiments(group: str, option: str, known: Mapping[str, Options]) -> str:
    """How many experiments choose it, and the first of them."""
    if group == "experiment":
        return ""
    chosen = re.compile(rf"^\s*- (?:override )?/{group}(?:@\S+)?: {re.escape(option)}\s*$", re.M)
    every = known["experiment"].items()
    found = [name for name, path in every if chosen.search(text_of(path))]
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return f"{', '.join(found[:3])}{more}" if found else ""
