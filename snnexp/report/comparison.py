"""Runs side by side: in what their configurations differ, and what came of it."""

import json
import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from snnexp.composition.identity import PLACES
from snnexp.composition.renamed import with_present_names
from snnexp.files.documents import parsed_yaml, read_json, read_yaml
from snnexp.files.foreign import Unreadable
from snnexp.files.visible import all_visible
from snnexp.results.read import NotAResult, read_result
from snnexp.results.run import RunResult
from snnexp.results.stage import CHOICES
from snnexp.results.standing import word_for

EXPECTED = (
    "Expected: the folder of a finished run, as `snnexp train` prints it, or its result as a "
    "JSON file"
)
GIVEN = (*CHOICES, "seed", "timesteps", "batch_size", "precision", "command")
"""What a result says of its configuration where that is not beside it."""
LEFT_OUT = (*PLACES, "seed", "timesteps")
"""What a command names that says nothing of a run, or that its result tells."""
NOT_SET = "(not set)"
"""In place of a setting that a command does not name: it is as the experiment has it."""
EVALUATIONS, CONFIG = "evaluations", "config.yaml"


@dataclass(frozen=True)
class Run:
    """One run, or one evaluation of a run, as it is compared.

    Args:
        path: where it is.
        result: what came of it.
        settings: by dotted names.
        whole: whether these are all there are, as beside a configuration.
    """

    path: Path
    result: RunResult
    settings: dict[str, Any]
    whole: bool


class Line(NamedTuple):
    """One thing of which each run has a value, or None."""

    name: str
    values: tuple[Any, ...]
    words: Callable[[Any], str] = str
    key: str = ""  # the name in the result file, where it is another


def read_run(path: Path) -> Run:
    """The run in a folder or, of its result alone, in a JSON file. Raises `Unreadable`, saying what
    is there instead.
    """
    if not path.exists():
        raise Unreadable(path, f"not there. {EXPECTED}")
    file = path / "result.json" if path.is_dir() else path
    if path.is_dir() and not file.exists():
        raise Unreadable(path, _unfinished(path))
    result = _result(file)
    if file.parent.name == EVALUATIONS:
        return _evaluation(path, result, file.parent.parent / CONFIG)
    config = file.parent / CONFIG
    whole = file.name == "result.json" and os.path.lexists(
        config
    )  # a link that leads nowhere is no result by itself
    return Run(path, result, settings_of(result, config if whole else None), whole)


def _evaluation(path: Path, result: RunResult, config: Path) -> Run:
    """A run that was evaluated again, under changes to its configuration."""
    beside = config if os.path.lexists(config) else None
    changes = dict(map(_typed, result.changes or []))
    chosen = tuple(f"{group}." for group in changes if group in CHOICES)
    settings = settings_of(result, beside)
    kept = {key: value for key, value in settings.items() if not key.startswith(chosen or ("=",))}
    told = {"timesteps": result.last.timesteps, "evaluate.timesteps": result.last.timesteps}
    keys = {key: value for key, value in changes.items() if key not in CHOICES}
    return Run(path, result, kept | keys | told, beside is not None)


def _typed(change: str) -> tuple[str, Any]:
    """Key and value of an argument."""
    key, _, value = change.lstrip("+~").partition("=")
    try:
        return key, parsed_yaml("argument", value.encode())
    except Unreadable:
        return key, value


def _result(file: Path) -> RunResult:
    try:
        return read_result(file)
    except NotAResult as error:
        raise Unreadable(file, f"{error.why}. {EXPECTED}") from None


def _unfinished(folder: Path) -> str:
    if not (folder / "status.json").exists():
        return f"not the folder of a run, there is no result.json in it. {EXPECTED}"
    facts = read_json(folder / "status.json")
    facts = facts if isinstance(facts, dict) else {}
    error = str(facts.get("error") or "").partition("\n")[0]
    return (
        f"this run is {word_for(facts)} and has no "
        f"result{f' ({error})' if error else ''}. {EXPECTED}"
    )


def settings_of(result: RunResult, config: Path | None) -> dict[str, Any]:
    """The settings of a run by their dotted names: those of its configuration, or, where it has
    none, those that its result tells.
    """
    if config is None:
        stages = result.stages.items()
        epochs = {
            f"strategy.stages.{name}.epochs": stage.epochs for name, stage in stages if stage.epochs
        }
        return _known(result, GIVEN) | epochs | _of_command(result.command)
    found = with_present_names(all_visible(read_yaml(config)))
    if not isinstance(found, Mapping):
        raise Unreadable(config, f"not the configuration of a run. {EXPECTED}")
    chosen = _known(result, CHOICES)
    targets = {
        key.removesuffix("._target_"): str(target)
        for key, target in flat(found).items()
        if "_target_" in key
    }
    components = {key: _option(key, targets, chosen) for key in targets}
    return (
        components
        | chosen
        | {key: value for key, value in flat(found).items() if "_target_" not in key}
    )


def _of_command(command: str | None) -> dict[str, Any]:
    """The settings that a command names; options of groups stand in the result."""
    try:
        words = shlex.split(command or "")[2:]
    except ValueError:
        return {}
    told = dict(map(_typed, (word for word in words if "=" in word)))
    return {key: value for key, value in told.items() if key not in (*LEFT_OUT, *CHOICES[:-2])}


def _known(result: RunResult, names: Iterable[str]) -> dict[str, Any]:
    values = {name: result.value(name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _option(key: str, targets: dict[str, str], chosen: dict[str, str]) -> str:
    """The name of a component: that of the chosen option, where a stage has been handed it on, else
    that of its class.
    """
    group = key.rpartition(".")[2]
    return (
        chosen[group]
        if group in chosen and targets.get(group) == targets[key]
        else targets[key].rpartition(".")[2]
    )


def flat(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, by dotted names."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        found |= (
            flat(value, f"{prefix}{key}.")
            if isinstance(value, Mapping) and value
            else {f"{prefix}{key}": value}
        )
    return found


def differing(runs: list[Run]) -> list[Line]:
    """The settings in which the runs differ; one that only hands another's value on is left out."""
    names = dict.fromkeys(name for run in runs for name in run.settings)
    lines = {name: tuple(_setting(name, run, runs) for run in runs) for name in names}
    lines = {name: values for name, values in lines.items() if _differs(name, runs)}
    found = [
        Line(name, values, _plain) for name, values in lines.items() if not _handed_on(name, lines)
    ]
    return [*found, *_unsaid(runs)]


def _unsaid(runs: list[Run]) -> list[Line]:
    """The hashes of whole configurations that differ, where results lie alone and may not say in
    what.
    """
    hashes = tuple(run.result.config_hash for run in runs)
    known = {each for each in hashes if each is not None}
    return (
        [Line("hash of the configuration", hashes, _plain, "config_hash")]
        if len(known) > 1 and not all(r.whole for r in runs)
        else []
    )


def _differs(name: str, runs: list[Run]) -> bool:
    """Whether a setting differs between the runs of which it is known."""
    known = [_setting(name, run, runs) for run in runs if run.whole or _says(name, run, runs)]
    return any(value != known[0] for value in known)


def _setting(name: str, run: Run, runs: list[Run]) -> Any:
    """The value of a setting; a result that lies alone has those that its command names, where
    another of its experiment names more.
    """
    if name in run.settings or not _says(name, run, runs):
        return run.settings.get(name)
    return NOT_SET


def _says(name: str, run: Run, runs: list[Run]) -> bool:
    """Whether a result that lies alone tells of a setting, be it by not naming it."""
    if name in run.settings:
        return True
    alike = (each for each in runs if not each.whole and name in _of_command(each.result.command))
    own = run.result.command is not None and not run.whole
    return own and any(each.result.last.experiment == run.result.last.experiment for each in alike)


def _handed_on(name: str, lines: dict[str, tuple]) -> bool:
    ends = [name.split(".", count)[-1] for count in range(1, name.count(".") + 1)]
    return any(lines.get(end) == lines[name] for end in ends)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
