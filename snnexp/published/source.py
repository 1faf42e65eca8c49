"""A finished run that is to be published, read and found fit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from snnexp.composition.placeless import placeless, places_in
from snnexp.files.documents import read_yaml
from snnexp.files.foreign import Absent, Unreadable
from snnexp.files.visible import one_line
from snnexp.files.weights import weights_in
from snnexp.published.commands import elsewhere
from snnexp.results.read import read_result
from snnexp.results.run import RunResult
from snnexp.survey.experiments import references
from snnexp.survey.recorded import histories, standing

EXPECTED = (
    "Expected: the folder of a finished run with its weights, as `snnexp train` prints it at its "
    "end, or of a recorded one that has kept them"
)
OURS = ("snnexp", "torch")
"""Packages whose components need nobody's trust."""


@dataclass(frozen=True)
class Source:
    """What there is to publish.

    Args:
        folder: of the run.
        result: of the run, with what its experiment stands for today.
        config: of the run, without folders and tracker of its machine.
        others: results of the same experiment with other seeds that lie beside it.
    """

    folder: Path
    result: RunResult
    config: Mapping[str, Any]
    others: tuple[RunResult, ...] = ()

    @property
    def weights(self) -> Path:
        """The file of its weights."""
        return weights_in(self.folder)

    @property
    def runs(self) -> tuple[RunResult, ...]:
        """All of one experiment, its own first."""
        return (self.result, *self.others)

    @property
    def packages(self) -> tuple[str, ...]:
        """Packages of others that bring its components."""
        return tuple(sorted({*_packages(self.config)} - {*OURS}))


def source_of(folder: Path) -> Source:
    """The run in a folder, as it can be published. Raises `Unreadable`, saying what is missing."""
    if not folder.is_dir():
        there = "a file, and its weights are not beside it" if folder.exists() else "not there"
        raise Unreadable(folder, f"{there}. {EXPECTED}")
    result = _result(folder)
    if result.weights_sha256 is None:
        raise Unreadable(
            folder,
            "its result has no weights_sha256, as those of before there were such sums: whether "
            "weights beside it are those of the result cannot be told. Train again",
        )
    if not weights_in(folder).exists():
        raise Unreadable(folder, f"has no weights. {EXPECTED}")
    config = placeless(_config(folder))
    if left := [*places_in(config)]:
        raise Unreadable(folder, f"its configuration names folders: {'; '.join(left)}")
    (today,) = standing([_of_anywhere(folder, result)], references())
    return Source(folder, today, config, tuple(_others(folder, result)))


def _result(folder: Path) -> RunResult:
    try:
        return read_result(folder / "result.json")
    except Absent as error:
        raise Unreadable(folder, f"has no result.json ({error.why}). {EXPECTED}") from None


def _config(folder: Path) -> Mapping[str, Any]:
    found = read_yaml(folder / "config.yaml")
    if not isinstance(found, Mapping):
        raise Unreadable(folder / "config.yaml", f"not the configuration of a run. {EXPECTED}")
    return found


def _of_anywhere(folder: Path, result: RunResult) -> RunResult:
    """The result with a command that others can type, and, of a recorded one, whether it is
    history.
    """
    path = (folder / "result.json").resolve()
    why = histories(path.parents[2]).get(path)
    command = elsewhere(result.command) if result.command else None
    return replace(result, command=command, history=None if why is None else one_line(why))


def _others(folder: Path, own: RunResult) -> Iterator[RunResult]:
    """Runs beside this one that differ from it in the seed alone, one for each seed."""
    seeds = {own.last.seed}
    for path in sorted(folder.absolute().parent.glob("*/result.json")):
        try:
            found = read_result(path)
        except Unreadable:
            continue
        if found.config_hash == own.config_hash is not None and found.last.seed not in seeds:
            seeds.add(found.last.seed)
            yield found


def _packages(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("_target_"), str):
            yield node["_target_"].partition(".")[0]
        for value in node.values():
            yield from _packages(value)
