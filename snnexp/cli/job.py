"""One job with its folder: check, claim, run, and whatever happens, leave a record of it."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snnexp import stopping
from snnexp.cli.exits import exit_code
from snnexp.cli.labels import labels_of
from snnexp.cli.signals import stopping_on_signals
from snnexp.cli.sweep_jobs import OVERRIDES
from snnexp.cli.usable import refuse_unusable
from snnexp.composition.compose import again
from snnexp.configuration import build
from snnexp.configuration.check import check
from snnexp.distributed import processes, rank
from snnexp.errors import ConfigError, NumericalError
from snnexp.files.atomic import write_json, write_text
from snnexp.files.disk import NoRoom
from snnexp.files.drafts import remove_drafts
from snnexp.files.visible import visible
from snnexp.jobs.folder import finished_before, past_of, resolved
from snnexp.progress.waiting import waiting
from snnexp.results.run import RunResult
from snnexp.run import nothing_to_do, run
from snnexp.runs.begun import Begun, keep
from snnexp.runs.checkpoint import AlreadyOver, Checkpoints
from snnexp.runs.past import Past
from snnexp.runs.status import RunFolderTaken, claimed
from snnexp.stopping import Stopped
from snnexp.track.muted import Muted
from snnexp.track.trackers import Trackers

Config = dict[str, Any]
NOT_FINITE = "not_finite.json"
"""In the folder of a run that the numerical guard has stopped: of which step, and for which
images.
"""
INTERRUPTED = "stopped by signal 2 (SIGINT)"
ENDINGS = (Exception, KeyboardInterrupt, Stopped)
COMMON = (ConfigError, NumericalError, KeyboardInterrupt, Stopped)
"""What all processes of a run come to alike, so that one says it for all."""


def attempt(
    config: DictConfig,
    choices: dict[str, str],
    run_dir: Path,
    overrides: list[str] | None = None,
    command: str | None = None,
    goes_on: str | None = None,
    begun: Begun | None = None,
) -> tuple[RunResult | None, BaseException | None, int]:
    """Runs a composed configuration in `run_dir`; what goes wrong is printed in words and returned,
    not raised.

    Args:
        config: the composed configuration.
        choices: the option chosen in each group.
        run_dir: the run folder; nothing is left there if the configuration is wrong.
        overrides: of a job of a sweep, which keeps them in its folder, and its status even if the
            configuration is wrong.
        command: the command line that gives this run, for its result.
        goes_on: the one with which it goes on if it ends before its end; None for a job of a sweep,
            which says it once for all.
        begun: the arguments with which it can be made again, which its folder keeps.

    Returns:
        The result or None, the error or None, and the exit code.
    """
    try:
        if rank() > 0:
            return _assisting(config, choices), None, 0
        with waiting("checking the configuration"):
            plain = checked(config) if overrides is None else {}
        refuse_unusable(run_dir)
        with waiting("looking into the run folder"):
            result = finished_before(config, run_dir)
            goes_on_from = result is None and (_has_checkpoints(run_dir) or bool(plain))
            past = past_of(plain or checked(config), run_dir) if goes_on_from else Past()
        if result is not None:
            return _known(result, config, run_dir), None, 0
        with stopping_on_signals() as last_words, claimed(run_dir, exit_code) as status:
            last_words.act = lambda code: (status.preempt(code), _last_line(goes_on))
            stopping.look()
            if overrides is not None:
                write_json(run_dir / OVERRIDES, overrides)
            if begun is not None:
                keep(run_dir, begun)
            return _tracked(plain or checked(config), choices, run_dir, past, command), None, 0
    except ENDINGS as error:
        if isinstance(error, KeyboardInterrupt) and (result := finished_before(config, run_dir)):
            return result, None, 0  # it came when all was written
        ending = _in_company(error)
        _conclude(ending, config, run_dir, goes_on)
        return None, ending, exit_code(ending)


def _assisting(config: DictConfig, choices: dict[str, str]) -> RunResult | None:
    """The part of a process that leaves the records to another."""
    with stopping_on_signals(), suppress(AlreadyOver):
        return run(checked(config), choices, None, Muted())
    return None


def _known(result: RunResult, config: DictConfig, run_dir: Path) -> RunResult:
    if processes() > 1:
        nothing_to_do(resolved(config))
    print(
        visible(f"snnexp: {run_dir} holds this run, finished: its result is taken"), file=sys.stderr
    )
    return result


def _has_checkpoints(run_dir: Path) -> bool:
    return any((run_dir / "checkpoints").glob("*.pt"))


def _in_company(error: BaseException) -> BaseException:
    """What ends one of several processes that were asked to stop: an error that comes of it is that
    others were the first to stop.
    """
    number = stopping.asked()
    return (
        error
        if processes() == 1 or number is None or isinstance(error, COMMON)
        else Stopped(number)
    )


def _conclude(error: BaseException, config: DictConfig, run_dir: Path, goes_on: str | None) -> None:
    if rank() > 0:
        if not isinstance(error, COMMON):
            print(
                visible(f"snnexp: process {rank()}: {type(error).__name__}: {error}"),
                file=sys.stderr,
            )
        return
    if isinstance(error, ConfigError | Stopped):
        _withdraw(run_dir, config)
    if isinstance(error, NumericalError) and error.facts is not None:
        with suppress(OSError):
            write_json(run_dir / NOT_FINITE, error.facts)
    _say(error, run_dir)
    if not isinstance(error, ConfigError | RunFolderTaken) and (run_dir / "status.json").exists():
        _last_line(goes_on)


def _last_line(goes_on: str | None) -> None:
    if goes_on is not None:
        print(visible(f"snnexp: the run goes on with: {goes_on}"), file=sys.stderr, flush=True)


def checked(config: DictConfig) -> Config:
    """The configuration in plain values. Raises `ConfigError` with all that is wrong with it."""
    plain = resolved(config)
    check(plain)
    return plain


def _tracked(
    config: Config, choices: dict[str, str], run_dir: Path, past: Past, command: str | None
) -> RunResult:
    (run_dir / NOT_FINITE).unlink(missing_ok=True)
    for folder in (run_dir, run_dir / "checkpoints"):
        remove_drafts(folder)
    written = OmegaConf.to_yaml(OmegaConf.create(config))
    write_text(run_dir / "config.yaml", written)
    stages, often = tuple(config["strategy"]["stages"]), config["checkpoint"]
    checkpoints = Checkpoints(
        run_dir / "checkpoints", often["every"], stages, often["minutes"], written, past
    )
    labels = labels_of(choices, stages)
    chosen = build.trackers(config)
    with Trackers(run_dir, config, labels, chosen, config["progress"], past.metrics) as trackers:
        result = run(config, choices, run_dir, trackers, checkpoints, _intended(choices), command)
        trackers.result(result)
    return result


def _intended(choices: dict[str, str]) -> Config | None:
    experiment = choices.get("experiment")
    return resolved(again([f"+experiment={experiment}"])) if experiment else None


def _withdraw(run_dir: Path, config: DictConfig) -> None:
    """Takes away the folder made for a run that cannot start, and those above it in the output
    folder, where nothing else is in them.
    """
    with suppress(OSError, OmegaConfBaseException):
        run_dir.rmdir()
        output = Path(str(config.output_dir)).absolute()
        for folder in run_dir.parents:
            if folder.is_relative_to(output) and folder != Path.cwd():
                folder.rmdir()


def _say(error: BaseException, run_dir: Path) -> None:
    kind = (
        ""
        if isinstance(error, Stopped | KeyboardInterrupt | ConfigError | RunFolderTaken | NoRoom)
        else f"{type(error).__name__}: "
    )
    has_trace = not isinstance(error, ConfigError) and (run_dir / "error.txt").exists()
    details = f"\n  traceback: {run_dir / 'error.txt'}" if has_trace else ""
    said = INTERRUPTED if isinstance(error, KeyboardInterrupt) else error
    print(visible(f"snnexp: {kind}{said}{details}"), file=sys.stderr)
