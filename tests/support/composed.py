"""Configurations as the command line would hand them to the check, composed once for all tests."""

import copy
import itertools
from functools import cache
from typing import Any

import yaml
from omegaconf import DictConfig

from snnexp.cli.job import resolved
from snnexp.composition.compose import composed
from snnexp.composition.short import places
from snnexp.configuration.build import GROUPS, STAGE_GROUPS
from tests.support.options import CONF, options

Config = dict[str, Any]
NOWHERE = "/nonexistent/data"


@cache
def groups() -> list[str]:
    """Every folder of options."""
    return sorted(path.name for path in CONF.iterdir() if any(path.glob("*.yaml")))


@cache
def added() -> list[str]:
    """The groups whose files set keys of all the configuration, such as experiments and recipes."""
    first = {group: next((CONF / group).glob("*.yaml")) for group in groups()}
    directive = "# @package _global_"
    return [group for group in groups() if first[group].read_text().startswith(directive)]


@cache
def every_option() -> list[tuple[str, str]]:
    """(group, option) for every YAML file of a group that is not added to the configuration."""
    components = [group for group in groups() if group not in added()]
    return [(group, option) for group in components for option in options(group)]


_OPTIONS = frozenset(every_option())


@cache
def unresolved(*overrides: str) -> DictConfig:
    """The configuration as Hydra composes it; nobody may change it."""
    return composed([*overrides, f"data_dir={NOWHERE}"])


@cache
def _composed(overrides: tuple[str, ...]) -> Config:
    return resolved(unresolved(*overrides))


def configuration(*overrides: str) -> Config:
    """The resolved configuration under these overrides, anew at every call, with data that is
    nowhere.
    """
    return copy.deepcopy(_composed(overrides))


@cache
def _stages() -> Config:
    """Every stage as composed, by its option: one composition has them all."""
    chosen = (f"+stage@strategy.stages.{option}={option}" for option in options("stage"))
    return configuration(*chosen)["strategy"]["stages"]


def _in_order(group: str) -> list[str]:
    """The options of a group; neurons without a threshold, which other options ask for, last, where
    those have ended.
    """
    texts = {option: (CONF / group / f"{option}.yaml").read_text() for option in options(group)}
    return sorted(
        texts, key=lambda option: group == "neuron" and "\nthreshold:" not in texts[option]
    )


def _part(config: Config, group: str, option: str) -> Any:
    """What stands for an option: of trackers there may be several, each by its name."""
    return config[group].get(option, config[group]) if group == "tracker" else config[group]


@cache
def _rows() -> list[dict[str, str]]:
    """Options to be composed together, one from each group at most, since composing is what takes
    time.
    """
    together = itertools.zip_longest(*map(_in_order, GROUPS))
    return [
        {group: option for group, option in zip(GROUPS, chosen, strict=True) if option}
        for chosen in together
    ] + [{"strategy": option} for option in options("strategy")]


@cache
def _row(number: int) -> Config:
    return configuration(*(f"{group}={option}" for group, option in _rows()[number].items()))


@cache
def _composed_option(group: str, option: str) -> Any:
    if group == "stage":
        return _stages()[option]
    if group == "energy":
        return configuration(f"energy={option}")["energy"][option]
    if group in STAGE_GROUPS:
        return configuration("strategy=conversion", f"{group}={option}")[group]
    number = next(n for n, row in enumerate(_rows()) if row.get(group) == option)
    return _part(_row(number), group, option)


def node(group: str, option: str) -> Any:
    """What an option puts into the configuration."""
    return copy.deepcopy(_composed_option(group, option))


def _places(config: Config, path: str) -> list[str]:
    """Where a setting stands that may be one of a data set by its short name."""
    group, _, rest = path.partition(".")
    return (
        [f"dataset.{place}" for place in places(config["dataset"], rest)]
        if group == "dataset" and rest
        else []
    ) or [path]


def _put(holder: Config, keys: list[str], value: Any) -> None:
    for parent in keys[:-1]:
        holder = holder[parent]
    holder[keys[-1]] = value


def changed(config: Config, *changes: str) -> Config:
    """A copy of `config` with `group=option` or `key=value` applied; a stage is added behind the
    others.
    """
    config = copy.deepcopy(config)
    for path, value in (change.split("=", 1) for change in changes):
        if (path, value) in _OPTIONS:
            new = {value: node(path, value)} if path == "energy" else node(path, value)
            path = "strategy.stages.extra" if path == "stage" else path
        else:
            new = yaml.safe_load(value)
        for place in _places(config, path):
            _put(config, place.split("."), new)
        group, *inner = path.split(".")
        parts = group in (*STAGE_GROUPS, "activation")
        for stage in config["strategy"]["stages"].values() if parts else ():
            if group in stage:
                _put(stage, [group, *inner], copy.deepcopy(new))
    return config
