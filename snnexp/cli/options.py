"""`snnexp list`: experiments and options, read from the YAML files as they are."""

import sys
from importlib.resources import files
from typing import TYPE_CHECKING

import yaml
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # from Python 3.11 on


def show(arguments: list[str]) -> int:
    """Prints the experiments, or the options of one group."""
    groups = {each.name: each for each in files("snnexp.conf").iterdir() if each.is_dir() and not each.name.startswith("_")}
    group = arguments[0] if arguments else "experiment"
    if group not in groups or len(arguments) > 1:
        print(f"snnexp: there is no group {' '.join(arguments)!r}; there are {', '.join(sorted(groups))}", file=sys.stderr)
        return 2
    options = sorted((path for path in groups[group].iterdir() if path.name.endswith(".yaml")), key=lambda path: path.name)
    Console().print(_experiments(options) if group == "experiment" else _options(group, options))
    if not arguments:
        print(f"Run one with: snnexp train +experiment=NAME.  Groups: {', '.join(sorted(groups))} (snnexp list GROUP).")
    return 0


def _experiments(paths: list["Traversable"]) -> Table:
    table = Table("experiment", "what it is", "rows", "published %", "T", title="Experiments", title_justify="left")
    for path in paths:
        reference = (yaml.safe_load(path.read_text()) or {}).get("reference") or {}
        values = (", ".join(reference.get("rows", [])), reference.get("accuracy"), reference.get("timesteps"))
        table.add_row(path.name.removesuffix(".yaml"), headline(path), *("" if each is None else str(each) for each in values))
    return table


def _options(group: str, paths: list["Traversable"]) -> Table:
    table = Table("option", "what it is", title=f"{group}=...", title_justify="left")
    for path in paths:
        table.add_row(path.name.removesuffix(".yaml"), headline(path))
    return table


def headline(path: "Traversable") -> str:
    """The first comment of a YAML file that is not a directive to Hydra."""
    comments = (line.removeprefix("#").strip() for line in path.read_text().splitlines() if line.startswith("#"))
    return next((comment for comment in comments if not comment.startswith("@package")), "")
