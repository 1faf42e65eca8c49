"""Whose a run folder is that is not empty."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snnexp.composition.debug import limited
from snnexp.composition.renamed import with_present_names
from snnexp.composition.since import as_now, completed
from snnexp.errors import ConfigError
from snnexp.files.documents import parsed_yaml, read_yaml
from snnexp.files.foreign import Unreadable
from snnexp.results.read import read_result
from snnexp.results.run import RunResult
from snnexp.runs import status
from snnexp.runs.checkpoint_file import Damaged, read
from snnexp.runs.past import Past
from snnexp.runs.past import found as newest
from snnexp.runs.result import UNHASHED, UNHASHED_EVALUATE
from snnexp.track.flat import flat

_LISTED = 10
_FREE = tuple(key for key in UNHASHED if key != "seed")


def resolved(config: DictConfig) -> dict[str, Any]:
    """The configuration as plain values, every interpolation followed, without Hydra's own part.

    Raises:
        ConfigError: an interpolation leads nowhere.
    """
    try:
        plain: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
        return limited(as_now(plain))
    except OmegaConfBaseException as error:
        raise ConfigError(f"1 problem in this configuration\n  {error}") from error


def past_of(config: dict[str, Any], run_dir: Path) -> Past:
    """How far an unfinished run of this configuration has come in `run_dir`.

    Raises:
        ConfigError: the run there is one of another configuration, or it cannot be told of which.
    """
    found = status.read(run_dir)
    if found is not None and not status.unfinished(run_dir):
        return Past()  # it goes on or is finished: whoever asks for the folder is told
    checkpoints = run_dir / "checkpoints"
    past = newest(checkpoints, tuple(config["strategy"]["stages"]))
    kept = past.newest or next(_others(checkpoints), None)
    _refuse_another(
        None if kept is None else kept.get("config"), config, run_dir, needed=kept is not None
    )
    return past


def _others(checkpoints: Path) -> Iterator[dict[str, Any]]:
    """What was kept of stages that this configuration does not have."""
    for path in checkpoints.glob("*.pt"):
        with suppress(Damaged):
            yield read(path)


def _refuse_another(kept: str | None, config: dict[str, Any], run_dir: Path, needed: bool) -> None:
    before = _stored(run_dir) if kept is None else parsed_yaml("config", kept.encode()) or {}
    if before is None and needed:
        raise ConfigError(
            f"{run_dir} holds an unfinished run of which it cannot be told whether it is one "
            "of this configuration: its config.yaml is "
            "gone or damaged, and its checkpoints are from before they kept one; choose "
            "another folder with hydra.run.dir=PATH, or delete "
            "this one"
        )
    found = [] if before is None else differences(before, config)
    if found:
        raise ConfigError(
            f"{run_dir} holds an unfinished run of another configuration; choose another "
            "folder with hydra.run.dir=PATH, "
            f"delete this one, or repeat the command it was started with{_listed(found)}"
        )


def _listed(found: list[str]) -> str:
    shown = found[:_LISTED] + (
        [f"... and {len(found) - _LISTED} more"] if len(found) > _LISTED else []
    )
    return "".join(f"\n  {each}" for each in shown)


def finished_before(config: DictConfig, run_dir: Path) -> RunResult | None:
    """The result of a finished run of this configuration in `run_dir`, None if there is no such
    run.

    Raises:
        ConfigError: there is one of another configuration.
    """
    if (status.read(run_dir) or {}).get("status") != "finished":
        return None
    before = _stored(run_dir)
    found = [] if before is None else differences(before, resolved(config))
    if found:
        raise ConfigError(
            f"{run_dir} holds a finished run of another configuration; choose another folder "
            "with hydra.run.dir=PATH, "
            f"or delete this one{_listed(found)}"
        )
    with suppress(Unreadable):
        return None if before is None else read_result(run_dir / "result.json")
    return None


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The settings in which two configurations differ, of those that change what is computed.

    Settings that have come since the earlier one was made count as what runs did before, and
    components that have another name now as what they are.
    """
    before = with_present_names(before)
    old, new = flat(_counting(before)), flat(_counting(now))
    if old.keys() != new.keys():
        old = flat(_counting(OmegaConf.to_container(completed(OmegaConf.create(before)))))
    pairs = {
        key: (old.get(key, "absent"), new.get(key, "absent"))
        for key in [*old, *(key for key in new if key not in old)]
    }
    return [
        f"{key}: {was!r} there, {wanted!r} here"
        for key, (was, wanted) in pairs.items()
        if was != wanted
    ]


def _counting(config: dict[str, Any]) -> dict[str, Any]:
    counting = {key: value for key, value in config.items() if key not in _FREE}
    if isinstance(config.get("evaluate"), dict):
        counting["evaluate"] = {
            key: value for key, value in config["evaluate"].items() if key not in UNHASHED_EVALUATE
        }
    if isinstance(config.get("dataset"), dict):
        counting["dataset"] = _wherever_it_is(config["dataset"])
    return counting


def _wherever_it_is(node: Any) -> Any:
    """A data set without the folders that it is in."""
    if not isinstance(node, dict):
        return node
    return {key: _wherever_it_is(value) for key, value in node.items() if key != "data_dir"}


def _stored(run_dir: Path) -> dict[str, Any] | None:
    with suppress(Unreadable):
        stored = read_yaml(run_dir / "config.yaml")
        return stored if isinstance(stored, dict) else None
    return None
