"""Configurations of runs that were made before a setting existed."""

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from snnexp.composition import added
from snnexp.composition.compose import again
from snnexp.composition.moved import upgraded
from snnexp.composition.renamed import NOW, with_present_names
from snnexp.composition.short import without_short_names

KEYS = (
    "checkpoint",
    "presimulation",
    "activation",
    "on_error",
    "sweep_dir",
    "objectives",
    "energy",
)
"""Keys at the top that configurations have not had from the beginning."""
SETTINGS: dict[str, dict[str, Any]] = {
    "snnexp.stages.ann.ANN": {"start": None},
    "snnexp.stages.single_spike.SingleSpike": {"redraw": 0.0},
    "snnexp.stages.count.SpikeCounts": {"saturation": "pass"},
    "snnexp.timed.settings.timed_settings": {
        "delays": [],
        "centralize_gradient": False,
        "gain": None,
    },
    "snnexp.thresholds.snn_percentile.SnnPercentile": {"combination": "largest"},
    "snnexp.neurons.if_.IF": {"order": "fire_after"},
    "snnexp.neurons.lif.LIF": {"order": "fire_after"},
}
"""By component, by the name that it has now, settings that it has not had from the beginning, and
what runs did before.
"""
AUGMENTATION = {"auto_augment": None}


def completed(config: DictConfig) -> DictConfig:
    """`config` with the settings that have come since the run was made, with values that leave the
    run as it was.
    """
    since = again([])
    for key in (key for key in KEYS if key not in config):
        config[key] = since[key]
    for key in ("evaluate", "checkpoint"):
        if isinstance(config.get(key), DictConfig):
            config[key] = OmegaConf.merge(since[key], config[key])
    for node, settings in _lacking(config):
        for key in (key for key in settings if key not in node):
            node[key] = settings[key]
    plain: Any = OmegaConf.to_container(config)
    return OmegaConf.create(as_now(plain))


def as_now(config: dict[str, Any]) -> dict[str, Any]:
    """Plain values of a configuration with its components as they are named now, every setting
    where it is read.
    """
    config = with_present_names(config)
    dataset = config.get("dataset")
    if not isinstance(dataset, Mapping):
        return config
    return config | {"dataset": without_short_names(upgraded(dataset))}


def _lacking(node: Any, name: object = "") -> Iterator[tuple[DictConfig, dict[str, Any]]]:
    if isinstance(node, DictConfig):
        stored = str(node.get("_target_"))
        target = NOW.get(stored, stored)
        pixels = (
            name == "augmentation" and "crop_padding" in node
        )  # photographs of any size have settings of their own
        yield (
            node,
            AUGMENTATION | added.AUGMENTATION
            if pixels
            else SETTINGS.get(target, {}) | added.NEUTRAL.get(target, {}),
        )
        for key, value in node.items():
            yield from _lacking(value, key)
