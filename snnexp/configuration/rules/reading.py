"""How rules read a configuration."""

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]


def kind(node: Mapping[str, Any]) -> str:
    """The class or function that a component names."""
    return node["_target_"].rpartition(".")[2]


def named(config: Config, stage: str) -> list[str]:
    """Names of the stages of a kind, in order."""
    return [name for name, node in config["strategy"]["stages"].items() if kind(node) == stage]


def trained(config: Config) -> list[str]:
    """Names of the stages that train, in order."""
    return [name for name, node in config["strategy"]["stages"].items() if node.get("epochs", 0) > 0]
