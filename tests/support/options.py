"""The options of each config group, for tests parametrised over the YAML folder."""

from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from snnexp.composition.since import as_now
from snnexp.configuration.build import component

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The faster one, where PyYAML has it."""
CONF = Path(__file__).parents[2] / "conf"
ROOT = {
    "timesteps": 8,
    "seed": 1,
    "epochs": 2,
    "batch_size": 16,
    "data_dir": "/nonexistent",
    "evaluate": {"timesteps": 8},
}


def options(group: str) -> list[str]:
    """Names of the options of `group`."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def written(group: str, option: str) -> dict[str, Any]:
    """The YAML of one option as it is written, not composed."""
    return yaml.load((CONF / group / f"{option}.yaml").read_text(), Loader=LOADER) or {}


def settings(group: str, option: str, **changes: Any) -> dict[str, Any]:
    """The YAML of one option as plain values, interpolations resolved against a small root, with
    `changes` applied.

    A data set hands some of its settings on to its parts, changed ones among them.
    """
    node = OmegaConf.load(CONF / group / f"{option}.yaml")
    if group == "dataset":
        node = OmegaConf.merge(node, changes)
    root = OmegaConf.create({**ROOT, "neuron": {"threshold": 1.0}, group: node})
    return {
        **as_now(OmegaConf.to_container(root, resolve=True))[group],
        **({} if group == "dataset" else changes),
    }


def build_option(
    group: str, option: str, changes: dict[str, Any] | None = None, **provided: Any
) -> Any:
    """The component of one option, with `changes` to its settings and what the build would hand
    over.
    """
    return component(settings(group, option, **(changes or {})), **provided)
