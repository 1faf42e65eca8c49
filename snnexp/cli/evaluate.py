"""`snnexp evaluate RUN_DIR`: the weights of a run, evaluated again."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from snnexp.cli.effects import effective
from snnexp.cli.exits import exit_code
from snnexp.cli.job import resolved
from snnexp.cli.usable import refuse_unusable
from snnexp.composition.change import change_of
from snnexp.composition.compose import composed
from snnexp.composition.explain import MISTAKES, explained, nearest
from snnexp.composition.identity import starts, without_lost_starts
from snnexp.composition.resolvers import stamp
from snnexp.composition.short import places
from snnexp.composition.since import completed
from snnexp.configuration.build import GROUPS
from snnexp.configuration.check import check, faults, refuse
from snnexp.datasets.base import DataError
from snnexp.distributed import processes
from snnexp.errors import ConfigError
from snnexp.files.atomic import write_json
from snnexp.files.documents import read_json, read_yaml
from snnexp.files.drafts import remove_dead_drafts
from snnexp.files.foreign import Absent, Unreadable
from snnexp.files.visible import visible
from snnexp.report.summary import summary
from snnexp.runs.result import CHOSEN, block, peak_memory, surroundings
from snnexp.survey.schema import fault
from snnexp.training.memory import explaining_elsewhere

MEANT = {"timesteps": ("evaluate.timesteps",), "data_dir": ("data_dir", "dataset.data_dir")}
"""What a key of the run stands for when it is evaluated: the stored configuration no longer says what follows from what."""
ABSENT = object()
USAGE = "usage: snnexp evaluate RUN_DIR [group=option] [key=value], e.g. snnexp evaluate outputs/train/... timesteps=32"


def evaluate(arguments: list[str]) -> int:
    """Evaluates a run again under the changes given, prints the result and keeps it under RUN_DIR/evaluations."""
    if not arguments or "=" in arguments[0]:
        print(USAGE, file=sys.stderr)
        return 2
    if processes() > 1:
        print("snnexp: several processes (torchrun) train one run; evaluate without torchrun", file=sys.stderr)
        return 2
    try:
        return _evaluate(Path(arguments[0]), arguments[1:])
    except MISTAKES as error:
        print(visible(f"snnexp: {explained(error, arguments[1:])}"), file=sys.stderr)
        return exit_code(error)
    except Exception as error:
        print(visible(f"snnexp: {error}"), file=sys.stderr)
        return exit_code(error)


def _evaluate(run_dir: Path, changes: list[str]) -> int:
    if run_dir.is_dir():
        refuse_unusable(run_dir, files=(), folders=("evaluations",))
        remove_dead_drafts(run_dir / "evaluations")
    trained = without_lost_starts(resolved(completed(stored(run_dir / "config.yaml"))))
    config, choices = changed(OmegaConf.create(trained), changes)
    check(config)
    under = lambda some: changed(OmegaConf.create(trained), some)[0]  # noqa: E731
    reopened = effective(run_dir / "weights.safetensors", trained, config, changes, under)
    session, network = reopened.session, reopened.network
    stage = list(config["strategy"]["stages"])[-1]
    before = result_of(run_dir)
    choices = {group: before[group] for group in CHOSEN if before.get(group)} | choices
    with explaining_elsewhere(config):
        evaluation = session.evaluator(network, session.test, count=True)
    result = block(stage, network, evaluation, config, choices, {"changes": changes, "ann_accuracy": before.get("ann_accuracy")})
    started_from = before.get("started_from") or starts(config)
    command = shlex.join(["snnexp", "evaluate", str(run_dir), *changes])
    result |= surroundings(config, session.device, started_from) | {"command": command, "peak_memory_bytes": peak_memory(session.device)}
    result["classes"] = list(session.class_names)
    write_json(run_dir / "evaluations" / f"{stamp(config['seed'])}.json", result)
    summary(result, run_dir)
    return 0


def stored(path: Path) -> DictConfig:
    """The configuration of a run. Raises `DataError` where it is missing or none."""
    with _expected():
        found = read_yaml(path)
    if not isinstance(found, dict):
        raise DataError(f"{path}: not the configuration of a run. Expected: the file as `snnexp train` wrote it")
    return OmegaConf.create(found)


def result_of(run_dir: Path) -> dict[str, Any]:
    """The result of a run. Raises `DataError` where it is missing or none."""
    with _expected():
        found = read_json(run_dir / "result.json")
        if wrong := fault(found):
            raise Unreadable(run_dir / "result.json", f"not the result of a run ({wrong})")
    return found


@contextmanager
def _expected() -> Iterator[None]:
    try:
        yield
    except Absent as error:
        raise DataError(f"{error}. Expected: the folder of a finished run, as `snnexp train` prints it at its end") from None
    except Unreadable as error:
        raise DataError(f"{error}. Expected: the file as `snnexp train` wrote it") from None


def changed(config: DictConfig, changes: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The configuration with `group=option` and `key=value` applied, and the options chosen anew.

    `timesteps=T` sets the length of the evaluation, `data_dir=DIR` is for the data set too.
    Raises `ConfigError` with everything that is wrong, if a key or an option is not there.
    """
    choices, wrong = {}, []
    for change in changes:
        try:
            key, value = change_of(change)
            if key in GROUPS:
                OmegaConf.update(config, key, composed([change])[key], merge=False)
                choices[key] = str(value)
            for each in () if key in GROUPS else _meant(key, config):
                _set(each, value, config)
        except MISTAKES as error:
            wrong.append(explained(error, [change]))
        except ConfigError as error:
            wrong.append(f"{change.partition('=')[0]}: {error}")
    if wrong:
        refuse([*wrong, *faults(resolved(config))], "the changes")
    return resolved(config), choices


def _meant(key: str, config: DictConfig) -> Iterator[str]:
    """The keys that are set: of a setting of the data set wherever one of its parts has it."""
    for meant in MEANT.get(key, (key,)):
        group, _, name = meant.partition(".")
        in_data = group == "dataset" and isinstance(config.get("dataset"), DictConfig)
        paths = [f"dataset.{path}" for path in places(config.dataset, name)] if in_data else [meant]
        yield from paths or ([meant] if meant == key else [])  # data that are in no folder need none


def _set(key: str, value: Any, config: DictConfig) -> None:
    if OmegaConf.select(config, key, default=ABSENT) is ABSENT:
        near = nearest(key, config)
        raise ConfigError("no such key" + (f"; did you mean {near!r}?" if near else ""))
    OmegaConf.update(config, key, value)
