"""Composition of a configuration outside Hydra's own entry point."""

from hydra import compose, initialize_config_module
from omegaconf import DictConfig

from snnexp.cli.resolvers import register


def composed(overrides: list[str]) -> DictConfig:
    """The configuration that `snnexp train` would run with these overrides."""
    register()
    with initialize_config_module("snnexp.conf", version_base="1.3"):
        return compose("config", overrides)
