"""`snnexp evaluate RUN_DIR`: the weights of a run, evaluated again."""

import sys
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snnexp.atomic import write_json
from snnexp.build import GROUPS
from snnexp.check import check
from snnexp.cli.compose import composed
from snnexp.cli.exits import exit_code
from snnexp.cli.job import resolved
from snnexp.cli.resolvers import stamp
from snnexp.datasets.base import DataError
from snnexp.errors import ConfigError
from snnexp.result import CHOSEN, block, peak_memory, surroundings
from snnexp.run import prepare
from snnexp.track.summary import summary
from snnexp.weights import load

USAGE = "usage: snnexp evaluate RUN_DIR [group=option] [key=value], e.g. snnexp evaluate outputs/train/... timesteps=32"


def evaluate(arguments: list[str]) -> int:
    """Evaluates a run again under the changes given, prints the result and keeps it under RUN_DIR/evaluations."""
    if not arguments or "=" in arguments[0]:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        return _evaluate(Path(arguments[0]), arguments[1:])
    except Exception as error:
        print(f"snnexp: {error}", file=sys.stderr)
        return exit_code(error)


def _evaluate(run_dir: Path, changes: list[str]) -> int:
    config, choices = changed(stored(run_dir / "config.yaml"), changes)
    check(config)
    session = prepare(config, trackers=None)
    network = load(session.blueprint, run_dir / "weights.safetensors", session.device)
    stage = list(config["strategy"]["stages"])[-1]
    before = OmegaConf.to_container(stored(run_dir / "result.json"))
    choices = {group: before.get(group) for group in CHOSEN} | choices
    evaluation = session.evaluator(network, session.test, count=True)
    result = block(stage, network, evaluation, config, choices, {"changes": changes, "ann_accuracy": before.get("ann_accuracy")})
    result |= surroundings(config, session.device) | {"peak_memory_bytes": peak_memory(session.device)}
    write_json(run_dir / "evaluations" / f"{stamp(config['seed'])}.json", result)
    summary(result, run_dir)
    return 0


def stored(path: Path) -> DictConfig:
    """A YAML or JSON file of a run folder. Raises `DataError` where it is missing."""
    try:
        return OmegaConf.load(path)
    except FileNotFoundError:
        raise DataError(f"{path}: not there. Expected: the folder of a finished run, as `snnexp train` prints it at its end") from None


def changed(config: DictConfig, changes: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The configuration with `group=option` and `key=value` applied, and the options chosen anew.

    `timesteps=T` sets the length of the evaluation. Raises `ConfigError` for a key that is not there.
    """
    choices = {}
    for key, _, value in (each.partition("=") for each in changes):
        if key in GROUPS:
            OmegaConf.update(config, key, composed([f"{key}={value}"])[key], merge=False)
            choices[key] = value
        else:
            _set("evaluate.timesteps" if key == "timesteps" else key, value, config)
    return resolved(config), choices


def _set(key: str, value: str, config: DictConfig) -> None:
    OmegaConf.set_struct(config, True)
    try:
        OmegaConf.update(config, key, OmegaConf.create(f"value: {value}").value)
    except OmegaConfBaseException as error:
        raise ConfigError(f"1 problem in the changes\n  {key}: {error}") from error
    finally:
        OmegaConf.set_struct(config, False)
