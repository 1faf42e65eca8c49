"""One job with its folder: check, claim, run, and whatever happens, leave a record of it."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snnexp import build
from snnexp.atomic import write_text
from snnexp.check import check
from snnexp.cli.exits import Stopped, exit_code
from snnexp.errors import ConfigError
from snnexp.run import run
from snnexp.status import claimed
from snnexp.track.base import Labels
from snnexp.track.trackers import Trackers

Config = dict[str, Any]
ENDINGS = (Exception, KeyboardInterrupt, Stopped)


def attempt(config: DictConfig, choices: dict[str, str], run_dir: Path) -> tuple[dict[str, Any] | None, BaseException | None, int]:
    """Runs a composed configuration in `run_dir`; what goes wrong is printed in words and returned, not raised.

    Returns:
        The result or None, the error or None, and the exit code.
    """
    try:
        plain = resolved(config)
        check(plain)
        with stopping_on_signals(), claimed(run_dir, exit_code):
            return _tracked(plain, choices, run_dir), None, 0
    except ENDINGS as error:
        _say(error, run_dir)
        return None, error, exit_code(error)


def resolved(config: DictConfig) -> Config:
    """The configuration as plain values, every interpolation followed, without Hydra's own part.

    Raises:
        ConfigError: an interpolation leads nowhere.
    """
    try:
        return OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as error:
        raise ConfigError(f"1 problem in this configuration\n  {error}") from error


def _tracked(config: Config, choices: dict[str, str], run_dir: Path) -> dict[str, Any]:
    write_text(run_dir / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(config)))
    labels = Labels(choices.get("experiment"), choices, tuple(config["strategy"]["stages"]))
    with Trackers(run_dir, config, labels, build.component(config["tracker"]), config["progress"]) as trackers:
        result = run(config, choices, run_dir, trackers)
        trackers.result(result)
    return result


def _say(error: BaseException, run_dir: Path) -> None:
    if isinstance(error, ConfigError):
        with suppress(OSError):  # a folder made for a run that cannot start, if nothing else is in it
            run_dir.rmdir()
        print(f"snnexp: {error}", file=sys.stderr)
        return
    kind = "" if isinstance(error, Stopped) else f"{type(error).__name__}: "
    details = f"\n  traceback: {run_dir / 'error.txt'}" if (run_dir / "error.txt").exists() else ""
    print(f"snnexp: {kind}{error}{details}", file=sys.stderr)


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """SIGTERM and SIGUSR1 end the block by raising `Stopped`, so that records are closed; Ctrl+C raises as ever."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
