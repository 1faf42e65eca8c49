"""How rules read a configuration."""

from collections.abc import Mapping
from typing import Any

from snnexp.configuration.build import component
from snnexp.datasets.dataset import Dataset

Config = Mapping[str, Any]


def kind(node: Mapping[str, Any]) -> str:
    """The class or function that a component names."""
    return node["_target_"].rpartition(".")[2]


def data(config: Config) -> Dataset | None:
    """The data set, which reads nothing yet; None where it does not build, which is for `everything_builds` to say."""
    try:
        return component(config["dataset"])
    except (ValueError, TypeError, RuntimeError, LookupError):
        return None


def values(config: Config) -> tuple[float, float] | None:
    """The smallest and the largest number that the network sees; None where the data set sets no bounds to them."""
    found = data(config)
    return None if found is None or found.normalisation is None else found.normalisation.values


def named(config: Config, stage: str) -> list[str]:
    """Names of the stages of a kind, in order."""
    return [name for name, node in config["strategy"]["stages"].items() if kind(node) == stage]


def trained(config: Config) -> list[str]:
    """Names of the stages that train, in order."""
    return [name for name, node in config["strategy"]["stages"].items() if node.get("epochs", 0) > 0]
