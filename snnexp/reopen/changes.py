"""Changes to the configuration of a finished run, as they are typed behind `snnexp evaluate
RUN_DIR`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from snnexp.composition.change import change_of
from snnexp.composition.compose import composed
from snnexp.composition.explain import MISTAKES, beside, explained, nearest
from snnexp.composition.short import places
from snnexp.configuration.build import GROUPS, SEVERAL
from snnexp.configuration.check import faults, refuse
from snnexp.errors import ConfigError
from snnexp.jobs.folder import resolved

MEANT = {"timesteps": ("evaluate.timesteps",), "data_dir": ("data_dir", "dataset.data_dir")}
"""What a key of the run stands for when it is evaluated: the stored configuration no longer says
what follows from what.
"""
ABSENT = object()


def changed(config: DictConfig, changes: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The configuration with `group=option` and `key=value` applied, and the options chosen anew.

    `timesteps=T` sets the length of the evaluation, `data_dir=DIR` is for the data set too.

    Raises:
        ConfigError: a key or an option is not there; it says everything that is wrong.
    """
    choices: dict[str, str] = {}
    wrong: list[str] = []
    for change in changes:
        try:
            choices |= _apply(change, config)
        except MISTAKES as error:
            wrong.append(explained(error, [change]))
        except ConfigError as error:
            wrong.append(f"{change.partition('=')[0]}: {error}")
    if wrong:
        refuse([*wrong, *faults(resolved(config))], "the changes")
    return resolved(config), choices


def _apply(change: str, config: DictConfig) -> dict[str, str]:
    """Makes one change; the option that it chooses, by its group, if it does."""
    key, value = change_of(change)
    if key in (*GROUPS, *SEVERAL):
        OmegaConf.update(config, key, composed([change])[key], merge=False)
        return {key: str(value)}
    for place in places_of(key, config):
        _set(place, value, config)
    return {}


def places_of(key: str, config: DictConfig) -> Iterator[str]:
    """The keys that one key sets: of a setting of the data set wherever one of its parts has it."""
    for meant in MEANT.get(key, (key,)):
        group, _, name = meant.partition(".")
        in_data = group == "dataset" and isinstance(config.get("dataset"), DictConfig)
        paths = [f"dataset.{path}" for path in places(config.dataset, name)] if in_data else [meant]
        yield from paths or ([meant] if meant == key else [])  # data in no folder need none


def _set(key: str, value: Any, config: DictConfig) -> None:
    if OmegaConf.select(config, key, default=ABSENT) is ABSENT:
        near = nearest(key, config)
        raise ConfigError(
            "no such key" + (f"; did you mean {near!r}?" if near else beside(key, config))
        )
    OmegaConf.update(config, key, value)
