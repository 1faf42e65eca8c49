"""Packages of the user's own that may bring components, as the owner of a machine says it: no file
of a run can say anything of the kind.
"""

import os
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

VARIABLE = "SNNEXP_TRUST"
"""The environment variable in which packages stand, with commas between them."""
ENTRY_POINTS = "snnexp.components"
"""The group of entry points by which an installed package says that it brings components."""
REMEDY = f"trust=[NAME] on the command line or {VARIABLE}=NAME declares as trusted"


def trusted() -> frozenset[str]:
    """The packages that are trusted: those of the environment and those that are installed as
    bringing components.
    """
    return names(os.environ.get(VARIABLE, "")) | installed()


def names(text: str) -> frozenset[str]:
    """Packages by name, out of a list as it is typed: `a,b` or `[a, b]`."""
    return frozenset(filter(None, (each.strip(" '\"") for each in text.strip(" []").split(","))))


@cache
def installed() -> frozenset[str]:
    """The packages whose installation says that they bring components."""
    return frozenset(each.module.partition(".")[0] for each in entry_points(group=ENTRY_POINTS))


@cache
def option_folders() -> tuple[Path, ...]:
    """The folders `conf` of these packages, which are not imported for that."""
    specs = [find_spec(package) for package in sorted(installed())]
    places = [place for spec in specs if spec for place in spec.submodule_search_locations or ()]
    return tuple(folder for place in places if (folder := Path(place) / "conf").is_dir())
