"""Whose a run folder is that is not empty."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snnexp import status
from snnexp.documents import read_json, read_yaml
from snnexp.errors import ConfigError
from snnexp.foreign import Unreadable
from snnexp.result import UNHASHED
from snnexp.track.wandb import flat

_LISTED = 10
_FREE = tuple(key for key in UNHASHED if key != "seed")


def resolved(config: DictConfig) -> dict[str, Any]:
    """The configuration as plain values, every interpolation followed, without Hydra's own part.

    Raises:
        ConfigError: an interpolation leads nowhere.
    """
    try:
        return OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as error:
        raise ConfigError(f"1 problem in this configuration\n  {error}") from error


def refuse_another(config: DictConfig, run_dir: Path) -> None:
    """Raises `ConfigError` where an unfinished run in `run_dir` is not one of this configuration, which could go on with it."""
    before = _stored(run_dir) if status.unfinished(run_dir) else None
    found = [] if before is None else differences(before, resolved(config))
    if found:
        shown = found[:_LISTED] + ([f"... and {len(found) - _LISTED} more"] if len(found) > _LISTED else [])
        listed = "".join(f"\n  {each}" for each in shown)
        raise ConfigError(
            f"{run_dir} holds an unfinished run of another configuration; choose another folder with hydra.run.dir=PATH, "
            f"delete this one, or repeat the command it was started with{listed}"
        )


def finished_before(config: DictConfig, run_dir: Path) -> dict[str, Any] | None:
    """The result of a finished run of this configuration in `run_dir`, None if there is no such run."""
    if (status.read(run_dir) or {}).get("status") != "finished":
        return None
    before = _stored(run_dir)
    with suppress(Unreadable, ConfigError):
        if before is not None and not differences(before, resolved(config)):
            return read_json(run_dir / "result.json")
    return None


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The settings in which two configurations differ, of those that change what is computed."""
    old, new = flat(_counting(before)), flat(_counting(now))
    pairs = {key: (old.get(key, "absent"), new.get(key, "absent")) for key in [*old, *(key for key in new if key not in old)]}
    return [f"{key}: {was!r} there, {wanted!r} here" for key, (was, wanted) in pairs.items() if was != wanted]


def _counting(config: dict[str, Any]) -> dict[str, Any]:
    counting = {key: value for key, value in config.items() if key not in _FREE}
    if isinstance(config.get("dataset"), dict):
        counting["dataset"] = {key: value for key, value in config["dataset"].items() if key != "data_dir"}
    return counting


def _stored(run_dir: Path) -> dict[str, Any] | None:
    with suppress(Unreadable):
        stored = read_yaml(run_dir / "config.yaml")
        return stored if isinstance(stored, dict) else None
    return None
