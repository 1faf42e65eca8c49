"""Where options are looked for beside those of this package, as the arguments of a command say
it.
"""

import shlex
from collections.abc import Iterable, Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from snnexp.composition.trust import option_folders
from snnexp.errors import ConfigError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # from Python 3.11 on

KEY = "hydra.searchpath"
FLAGS = ("--config-dir", "-cd")
PATH_FLAGS = ("--config-path", "-cp")
"""Of Hydra: another folder in place of this package's."""


class Search(NamedTuple):
    """What arguments say of it.

    Args:
        places: `file://FOLDER` and `pkg://PACKAGE`, in the order in which they are looked through.
        others: the arguments that say something else.
    """

    places: tuple[str, ...]
    others: list[str]


def search_of(arguments: Iterable[str]) -> Search:
    """The places that `--config-dir DIR` and `hydra.searchpath=[file://DIR, pkg://PACKAGE]` name,
    which mean the same in every command.

    Raises:
        ConfigError: there is no such place, or it is not said which.
    """
    places, others, words = [], [], iter(arguments)
    for word in words:
        flag, equals, folder = word.partition("=")
        if flag in FLAGS:
            places.append(_folder(folder if equals else next(words, ""), flag))
        elif flag in PATH_FLAGS:
            name = folder if equals else next(words, "")
            _refuse_run(Path(name.removeprefix("file://")), flag)
            others += [flag, name]
        elif flag.lstrip("+") == KEY:
            places += _listed(word)
        else:
            others.append(word)
    return Search(tuple(places), others)


def group_folders(places: Iterable[str]) -> Iterator["Traversable"]:
    """The folders with a folder for every group: that of this package first, then those of
    `places` and of installed packages.
    """
    yield files("snnexp.conf")
    for place in places:
        scheme, _, name = place.partition("://")
        yield files(name.replace("/", ".")) if scheme == "pkg" else Path(name)
    yield from option_folders()


def _listed(word: str) -> Iterator[str]:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (override,) = OverridesParser.create().parse_overrides([word])
    value = override.value()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigError(f"{word}: expected a list, such as {KEY}=[file://FOLDER]")
    for each in value:
        yield _package(each) if each.startswith("pkg://") else _folder(each, KEY)


def _folder(name: str, said: str) -> str:
    path = Path(name.removeprefix("file://")).expanduser()
    if not name or not path.is_dir():
        raise ConfigError(f"{said}: there is no folder {str(path)!r} to look for options in")
    _refuse_run(path, said)
    return f"file://{path.absolute()}"


def _refuse_run(path: Path, said: str) -> None:
    """A folder with the configuration of a run holds no options: Hydra would take those of this
    package, and train another network.
    """
    if (path / "config.yaml").is_file() and (path / "status.json").is_file():
        name = shlex.quote(str(path))
        raise ConfigError(
            f"{said}: {path} is the folder of a run, which has no options; once more, with changes "
            f"or without: snnexp repeat {name}"
        )


def _package(name: str) -> str:
    module = name.removeprefix("pkg://").replace("/", ".")
    try:
        there = find_spec(module) is not None
    except ImportError:
        there = False
    if not there:
        raise ConfigError(f"{KEY}: there is no package {module!r} on Python's path")
    return name
