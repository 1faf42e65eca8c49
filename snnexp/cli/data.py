"""`snnexp data`: where data is expected, what is missing, how to get it, what it looks like."""

import sys
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.cli.data_show import USAGE as USAGE_OF_SHOW
from snnexp.cli.data_show import file_of, refused, show
from snnexp.composition.compose import composed
from snnexp.composition.explain import MISTAKES
from snnexp.errors import ConfigError
from snnexp.files.visible import one_line, visible
from snnexp.jobs.mistakes import listed, mistakes

ACTIONS = ("list", "prepare", "verify", "show")
ALL = "all"
USAGE = (
    "usage: snnexp data {list,prepare,verify,show} [NAME] [key=value], e.g. snnexp data verify "
    "cifar10 data_dir=/data (snnexp data --help)"
)


def data(arguments: list[str]) -> int:
    """Lists, prepares or verifies one data set, or all; draws one."""
    names = sorted(
        path.name.removesuffix(".yaml")
        for path in (files("snnexp.conf") / "dataset").iterdir()
        if path.name.endswith(".yaml")
    )
    arguments, picture = file_of(arguments)
    words, overrides = (
        [each for each in arguments if "=" not in each],
        [each for each in arguments if "=" in each],
    )
    if wrong := _wrong(words, names, picture):
        print(visible(wrong), file=sys.stderr)
        return 2
    chosen = names if words[1:] in ([], [ALL]) else words[1:]
    try:
        if picture is not None and words[0] == "show":
            return _show(chosen[0], overrides, picture)
        return _list(chosen, overrides) if words[0] == "list" else _act(words[0], chosen, overrides)
    except MISTAKES as error:
        said = listed(mistakes(error, overrides)[0])
    except ConfigError as error:
        said = str(error)
    print(visible(f"snnexp: {said}"), file=sys.stderr)
    return 2


def _wrong(words: list[str], names: list[str], picture: Path | None) -> str | None:
    """Why there is nothing to do, in words; None where there is."""
    if not words or words[0] not in ACTIONS or len(words) > 2:
        return USAGE
    if words == ["prepare"]:
        return f"snnexp: {_which(names)}"
    if words[1:] and words[1] not in {*names, ALL}:
        near = get_close_matches(words[1], names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
        return f"snnexp: there is no data set {words[1]!r}; {hint}"
    if words[0] == "show":
        return USAGE_OF_SHOW if words[1:] in ([], [ALL]) else refused(picture)
    return None


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


def _show(name: str, overrides: list[str], picture: Path) -> int:
    from snnexp.cli.exits import exit_code
    from snnexp.datasets.base import DataError
    from snnexp.errors import OutOfMemory

    try:
        return show(_dataset(name, overrides), picture)
    except (DataError, OutOfMemory, MemoryError) as error:
        print(visible(f"{name}: {error}"), file=sys.stderr)
        return exit_code(error)


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
