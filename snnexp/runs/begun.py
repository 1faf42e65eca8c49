"""With which arguments a run was begun, so that it can go on or be made again."""

import re
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from snnexp.files.atomic import write_json
from snnexp.files.documents import read_json
from snnexp.files.foreign import Absent, Unreadable
from snnexp.files.hints import fits

COMMAND = "command.json"
STRANGE = re.compile(r"^-|^[^=]*hydra|\$\{.*:|\$\{[^}]*\$\{", re.DOTALL)
"""Arguments that a folder may not bring: flags, what is Hydra's own and could name code to be run,
and what asks for variables of the environment.
"""


@dataclass(frozen=True)
class Begun:
    """How a run was begun.

    Args:
        arguments: behind `snnexp train`, without where the run is.
        own: folders with options of the user's own that were searched.
    """

    arguments: list[str]
    own: list[str]


def keep(run: Path, begun: Begun) -> None:
    """Writes how a run is begun into its folder."""
    write_json(run / COMMAND, asdict(begun))


def begun(run: Path) -> Begun | None:
    """How a run was begun; None where its folder does not say so, as those of earlier versions
    that have no result.

    Raises:
        Unreadable: the folder says what none of this program's would.
    """
    found = _kept(run)
    if found is None:
        return None
    strange = [each for each in found.arguments if STRANGE.search(each)]
    if strange:
        raise Unreadable(run / COMMAND, f"arguments that no folder may bring: {strange}")
    return found


def _kept(run: Path) -> Begun | None:
    try:
        facts = read_json(run / COMMAND)
    except Absent:
        return _of_result(run)
    if not isinstance(facts, dict) or not _are_words(facts.get("arguments")):
        raise Unreadable(run / COMMAND, "not the arguments of a run")
    own = facts.get("own")
    return Begun(facts["arguments"], own if _are_words(own) else [])


def _of_result(run: Path) -> Begun | None:
    """By the command that a result has, which leaves out folders of data and outputs."""
    try:
        facts = read_json(run / "result.json")
        words = shlex.split(facts["command"])
    except (Unreadable, TypeError, KeyError, ValueError, AttributeError):
        return None
    return Begun(words[2:], []) if words[:2] == ["snnexp", "train"] else None


def _are_words(value: Any) -> bool:
    return fits(value, list[str])
