"""`snnexp data`: where data is expected, what is missing, how to get it."""

import sys
from difflib import get_close_matches
from importlib.resources import files

from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.composition.compose import composed
from snnexp.composition.explain import MISTAKES
from snnexp.errors import ConfigError
from snnexp.files.visible import one_line, visible
from snnexp.jobs.mistakes import listed, mistakes

ACTIONS = ("list", "prepare", "verify")
ALL = "all"
USAGE = (
    "usage: snnexp data {list,prepare,verify} [NAME] [key=value], e.g. snnexp data verify "
    "cifar10 data_dir=/data (snnexp data --help)"
)


def data(arguments: list[str]) -> int:
    """Shows, prepares or verifies one data set, or all."""
    names = sorted(
        path.name.removesuffix(".yaml")
        for path in (files("snnexp.conf") / "dataset").iterdir()
        if path.name.endswith(".yaml")
    )
    words, overrides = (
        [each for each in arguments if "=" not in each],
        [each for each in arguments if "=" in each],
    )
    if not words or words[0] not in ACTIONS or len(words) > 2:
        print(USAGE, file=sys.stderr)
        return 2
    if words == ["prepare"]:
        print(f"snnexp: {_which(names)}", file=sys.stderr)
        return 2
    chosen = names if words[1:] in ([], [ALL]) else words[1:]
    if chosen[0] not in names:
        near = get_close_matches(chosen[0], names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
        print(f"snnexp: there is no data set {chosen[0]!r}; {hint}", file=sys.stderr)
        return 2
    try:
        return _list(chosen, overrides) if words[0] == "list" else _act(words[0], chosen, overrides)
    except MISTAKES as error:
        said = listed(mistakes(error, overrides)[0])
    except ConfigError as error:
        said = str(error)
    print(visible(f"snnexp: {said}"), file=sys.stderr)
    return 2


def _which(names: list[str]) -> str:
    """What to write to get data: some take hours to download."""
    return (
        f"which data set? snnexp data prepare NAME, of {', '.join(names)}; "
        f"snnexp data prepare {ALL} for every one"
    )


def _dataset(name: str, overrides: list[str]):
    from snnexp.configuration.build import component
    from snnexp.configuration.check import component_faults, refuse
    from snnexp.jobs.folder import resolved

    node = resolved(composed([f"dataset={name}", *overrides]))["dataset"]
    refuse(component_faults(node, "dataset"), f"dataset={name}")
    try:
        return component(node)
    except ValueError as error:
        raise ConfigError(f"dataset={name}: {error}") from None


def _list(names: list[str], overrides: list[str]) -> int:
    table = Table(
        "data set",
        "state",
        title=Text(f"Data under {one_line(composed(overrides).data_dir)}"),
        title_justify="left",
    )
    whole = len(names) == 1
    for name in names:
        told = one_line(_dataset(name, overrides).source.status())
        table.add_row(name, Text(told if whole else told.partition(":")[0]))
    Console().print(table)
    print(
        "Set the folder with SNNEXP_DATA=DIR or data_dir=DIR; `snnexp data list NAME` says what is "
        "missing, `snnexp data prepare NAME` downloads what torchvision can download, and unpacks "
        "archives."
    )
    return 0


def _act(action: str, names: list[str], overrides: list[str]) -> int:
    from snnexp.cli.exits import exit_code
    from snnexp.datasets.base import DataError
    from snnexp.errors import OutOfMemory

    code = 0
    for name in names:
        try:
            print(visible(f"{name}: {getattr(_dataset(name, overrides).source, action)()}"))
        except (DataError, OutOfMemory, MemoryError, OSError) as error:
            print(visible(f"{name}: {error}"), file=sys.stderr)
            code = max(code, exit_code(error))
    return code
