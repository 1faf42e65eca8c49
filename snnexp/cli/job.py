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
from snnexp.atomic import remove_drafts, write_json, write_text
from snnexp.check import check
from snnexp.checkpoint import Checkpoints
from snnexp.cli.compose import again
from snnexp.cli.exits import Stopped, exit_code
from snnexp.cli.folder import finished_before, refuse_another, resolved
from snnexp.cli.sweep import OVERRIDES
from snnexp.distributed import rank
from snnexp.errors import ConfigError, NumericalError
from snnexp.run import run
from snnexp.status import claimed
from snnexp.track.base import Labels
from snnexp.track.muted import Muted
from snnexp.track.trackers import Trackers
from snnexp.visible import visible

Config = dict[str, Any]
NOT_FINITE = "not_finite.json"
"""In the folder of a run that the numerical guard has stopped: of which step, and for which images."""
ENDINGS = (Exception, KeyboardInterrupt, Stopped)
COMMON = (ConfigError, NumericalError, KeyboardInterrupt, Stopped)
"""What all processes of a run come to alike, so that one says it for all."""


def attempt(
    config: DictConfig, choices: dict[str, str], run_dir: Path, overrides: list[str] | None = None, command: str | None = None
) -> tuple[dict[str, Any] | None, BaseException | None, int]:
    """Runs a composed configuration in `run_dir`; what goes wrong is printed in words and returned, not raised.

    Args:
        config: the composed configuration.
        choices: the option chosen in each group.
        run_dir: the run folder; nothing is left there if the configuration is wrong.
        overrides: of a job of a sweep, which keeps them in its folder, and its status even if the configuration is wrong.
        command: the command line that gives this run, for its result.

    Returns:
        The result or None, the error or None, and the exit code.
    """
    try:
        if rank() > 0:
            return run(_checked(config), choices, None, Muted()), None, 0
        if overrides is not None and (result := finished_before(config, run_dir)):
            print(visible(f"snnexp: {run_dir} holds this job, finished: its result is taken"), file=sys.stderr)
            return result, None, 0
        plain = _checked(config) if overrides is None else {}
        refuse_another(config, run_dir)
        with stopping_on_signals(), claimed(run_dir, exit_code):
            if overrides is not None:
                write_json(run_dir / OVERRIDES, overrides)
            return _tracked(plain or _checked(config), choices, run_dir, command), None, 0
    except ENDINGS as error:
        _conclude(error, config, run_dir)
        return None, error, exit_code(error)


def _conclude(error: BaseException, config: DictConfig, run_dir: Path) -> None:
    if rank() > 0:
        if not isinstance(error, COMMON):
            print(visible(f"snnexp: process {rank()}: {type(error).__name__}: {error}"), file=sys.stderr)
        return
    if isinstance(error, ConfigError):
        _withdraw(run_dir, config)
    if isinstance(error, NumericalError) and error.facts is not None:
        with suppress(OSError):
            write_json(run_dir / NOT_FINITE, error.facts)
    _say(error, run_dir)


def _checked(config: DictConfig) -> Config:
    plain = resolved(config)
    check(plain)
    return plain


def _tracked(config: Config, choices: dict[str, str], run_dir: Path, command: str | None) -> dict[str, Any]:
    (run_dir / NOT_FINITE).unlink(missing_ok=True)
    for folder in (run_dir, run_dir / "checkpoints"):
        remove_drafts(folder)
    write_text(run_dir / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(config)))
    stages = tuple(config["strategy"]["stages"])
    checkpoints = Checkpoints(run_dir / "checkpoints", config["checkpoint"]["every"], stages)
    past, labels = checkpoints.past, Labels(choices.get("experiment"), choices, stages)
    tracker = build.component(config["tracker"])
    with Trackers(run_dir, config, labels, tracker, config["progress"], past.records, len(past.finished)) as trackers:
        result = run(config, choices, run_dir, trackers, checkpoints, _intended(choices), command)
        trackers.result(result)
    return result


def _intended(choices: dict[str, str]) -> Config | None:
    experiment = choices.get("experiment")
    return resolved(again([f"+experiment={experiment}"])) if experiment else None


def _withdraw(run_dir: Path, config: DictConfig) -> None:
    """Takes away the folder made for a run that cannot start, and those above it in the output folder, where nothing else is in them."""
    with suppress(OSError, OmegaConfBaseException):
        run_dir.rmdir()
        output = Path(str(config.output_dir)).absolute()
        for folder in run_dir.parents:
            if folder.is_relative_to(output) and folder != Path.cwd():
                folder.rmdir()


def _say(error: BaseException, run_dir: Path) -> None:
    kind = "" if isinstance(error, Stopped | ConfigError) else f"{type(error).__name__}: "
    has_trace = not isinstance(error, ConfigError) and (run_dir / "error.txt").exists()
    details = f"\n  traceback: {run_dir / 'error.txt'}" if has_trace else ""
    print(visible(f"snnexp: {kind}{error}{details}"), file=sys.stderr)


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
