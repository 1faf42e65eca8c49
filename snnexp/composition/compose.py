"""Composition of a configuration outside Hydra's own entry point."""

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from snnexp.composition.resolvers import register


def composed(overrides: list[str]) -> DictConfig:
    """The configuration that `snnexp train` would run with these overrides."""
    register()
    with initialize_config_module("snnexp.conf", version_base="1.3"):
        return compose("config", overrides)


def option(overrides: list[str], group: str) -> str:
    """The name of the option that these overrides choose in a group."""
    register()
    with initialize_config_module("snnexp.conf", version_base="1.3"):
        return compose("config", overrides, return_hydra_config=True).hydra.runtime.choices[group]


def again(overrides: list[str]) -> DictConfig:
    """The configuration with these overrides alone, also from within a job that Hydra runs, and
    with the search path of that job.
    """
    running = GlobalHydra.instance().is_initialized()
    return compose("config", overrides) if running else composed(overrides)
