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


def groups() -> list[str]:
    """Every folder of options."""
    return sorted(path.name for path in CONF.iterdir() if any(path.glob("*.yaml")))


def added() -> list[str]:
    """The groups whose files set keys of all the configuration, such as experiments and recipes."""
    texts = {
        group: [path.read_text() for path in (CONF / group).glob("*.yaml")] for group in groups()
    }
    return [group for group in groups() if texts[group][0].startswith("# @package _global_")]


def every_option() -> list[tuple[str, str]]:
    """(group, option) for every YAML file of a group that is not added to the configuration."""
    components = [group for group in groups() if group not in added()]
    return [(group, option) for group in components for option in options(group)]


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
def _nodes() -> dict[tuple[str, str], Any]:
    """Every option as composed; one composition takes an option from each group, since composing is
    what takes time.
    """
    found = {}
    for chosen in itertools.zip_longest(*map(_in_order, GROUPS)):
        choices = {group: option for group, option in zip(GROUPS, chosen, strict=True) if option}
        config = configuration(*(f"{group}={option}" for group, option in choices.items()))
        found |= {
            (group, option): _part(config, group, option) for group, option in choices.items()
        }
    found |= {("stage", option): _stages()[option] for option in options("stage")}
    found |= {
        (group, option): configuration("strategy=conversion", f"{group}={option}")[group]
        for group in STAGE_GROUPS
        for option in options(group)
    }
    return found | {
        ("strategy", option): configuration(f"strategy={option}")["strategy"]
        for option in options("strategy")
    }


def node(group: str, option: str) -> Any:
    """What an option puts into the configuration."""
    composed_option = _stages()[option] if group == "stage" else _nodes()[group, option]
    return copy.deepcopy(composed_option)


def _places(config: Config, path: str) -> list[str]:
    """Where a setting stands that may be one of a data set by its short name."""
    group, _, rest = path.partition(".")
    return (
        [f"dataset.{place}" for place in places(config["dataset"], rest)]
        if group == "dataset" and rest
        else []
    ) or [path]


def changed(config: Config, *changes: str) -> Config:
    """A copy of `config` with `group=option` or `key=value` applied; a stage is added behind the
    others.
    """
    config = copy.deepcopy(config)
    for path, value in (change.split("=", 1) for change in changes):
        if (path, value) in _nodes():
            path, new = ("strategy.stages.extra" if path == "stage" else path), node(path, value)
        else:
            new = yaml.safe_load(value)
        for place in _places(config, path):
            *parents, key = place.split(".")
            holder = config
            for parent in parents:
                holder = holder[parent]
            holder[key] = new
        for stage in (
            config["strategy"]["stages"].values() if path in (*STAGE_GROUPS, "activation") else ()
        ):
            stage.update({path: copy.deepcopy(new)} if path in stage else {})
    return config
