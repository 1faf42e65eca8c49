"""What arguments say of the user's own components: where their options are, and which packages are
trusted.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from snnexp.composition.search import search_of
from snnexp.composition.trust import VARIABLE, names, option_folders

TRUST = "trust"


class OwnOptions(SearchPathPlugin):
    """Tells Hydra where to look, whatever it composes or lists in this process."""

    places: ClassVar[tuple[str, ...]] = ()

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for place in (*self.places, *(f"file://{folder}" for folder in option_folders())):
            search_path.append("own options", place)


def register() -> None:
    """Makes Hydra look there; may be called again."""
    Plugins.instance().register(OwnOptions)


@contextmanager
def own_components(arguments: Sequence[str]) -> Iterator[list[str]]:
    """Within the block options are found where `arguments` say, and packages trusted that
    `trust=[NAME]` names, here and in the processes that are started; gives the other arguments.

    Raises:
        ConfigError: there is no such place.
    """
    search = search_of(arguments)
    before = OwnOptions.places, os.environ.get(VARIABLE)
    OwnOptions.places = search.places
    try:
        _trust([each for each in search.others if _is_trust(each)])
        yield [each for each in search.others if not _is_trust(each)]
    finally:
        OwnOptions.places = before[0]
        _set(before[1])


def _is_trust(argument: str) -> bool:
    return argument.lstrip("+").startswith(f"{TRUST}=")


def _trust(arguments: list[str]) -> None:
    """An environment variable, since jobs of a sweep may run in other processes."""
    said = [os.environ.get(VARIABLE, ""), *(each.partition("=")[2] for each in arguments)]
    if arguments:
        _set(",".join(sorted(frozenset().union(*map(names, said)))))


def _set(value: str | None) -> None:
    if value is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = value
