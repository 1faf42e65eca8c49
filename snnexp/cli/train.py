"""`snnexp train`: Hydra composes, then the job runs. Nothing here imports torch until a job
starts.
"""

import atexit
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
import traceback
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import hydra
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from snnexp import stopping
from snnexp.cli import composed
from snnexp.cli.codes import BAD_CONFIG, FAILED, NO_ROOM
from snnexp.cli.goon import going_on
from snnexp.cli.own import with_own_components
from snnexp.cli.signals import stopping_between_jobs
from snnexp.cli.sweep import Sweep, every_job_its_own_run
from snnexp.composition.arranged import Composition, arranged, forget, may_differ, searching
from snnexp.composition.explain import MISTAKES
from snnexp.composition.identity import PLACES
from snnexp.composition.own import OwnOptions
from snnexp.composition.resolvers import register
from snnexp.files.visible import visible
from snnexp.jobs.mistakes import in_sweep, listed, secrets, told, wrong_values
from snnexp.progress.waiting import waiting
from snnexp.runs.begun import Begun

CONF = "pkg://snnexp.conf"
OWN = ("command-line", "hydra.searchpath in command-line")
"""What Hydra calls the sources of options that were named as arguments."""


def train(arguments: list[str]) -> int:
    """Runs `snnexp train` with these arguments and returns the exit code."""
    return with_own_components(partial(_train, arguments), arguments)


def _train(typed: list[str], arguments: list[str]) -> int:
    """Runs it with what is left of the arguments, which go on as they were `typed`."""
    register()
    forget()
    arguments = [*arguments, *searching(OwnOptions.places)]
    _complete_after_the_command()
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        if _sweeping(arguments):
            print(
                (
                    "snnexp: several processes (torchrun) train one run; start a sweep without "
                    "torchrun"
                ),
                file=sys.stderr,
            )
            return 2
        arguments = _aside(arguments)
    arguments = sorted(
        arguments, key=_is_override
    )  # -m and the like may stand anywhere; Hydra's parser wants the overrides in one piece
    overrides = [each for each in arguments if _is_override(each)]
    unfit = [f"{each}: a key is missing" for each in overrides if each.startswith("=")] + secrets(
        overrides
    )
    try:
        wrong = listed(unfit) if unfit else _wrong_in_sweep(arguments, overrides)
    except stopping.Stopped as error:
        print(f"snnexp: {error}", file=sys.stderr)
        return 128 + error.number
    if wrong:
        print(visible(f"snnexp: {wrong}"), file=sys.stderr)
        return 2
    if composed.asked_for(flags := [each for each in arguments if not _is_override(each)]):
        return composed.print_composed(overrides, "--resolve" in flags, say)
    sys.argv = ["snnexp train", *Sweep.watched(arguments)]
    _Job.code, _Job.begun, _Job.over = 0, False, False  # a process may run more than one
    os.environ.setdefault(
        "HYDRA_FULL_ERROR", "1"
    )  # Hydra then raises its errors instead of printing and leaving with code 1
    _Job.arguments = typed
    code = 1
    try:
        with stopping_between_jobs() if _sweeping(arguments) else nullcontext():
            code = _composed(overrides)
        return code
    finally:
        _close(typed, code)


def _wrong_in_sweep(arguments: list[str], overrides: list[str]) -> str | None:
    """What is wrong with any job of a sweep, before the first starts; what is to be said of them
    is said.
    """
    if not _sweeping(arguments):
        return None
    with waiting("checking every combination before the first job"), stopping_between_jobs():
        wrong, Sweep.plan = in_sweep(overrides)
    say([] if Sweep.plan is None else Sweep.plan.notices)
    return wrong


def _composed(overrides: list[str]) -> int:
    try:
        _job()
        return _Job.code if _Job.begun or not Sweep.without_jobs() else _no_job()
    except (SystemExit, BrokenPipeError):
        raise
    except (
        BaseException
    ) as error:  # an exception or a signal, of a job in a sweep or of its launcher or sweeper
        if _is_of_the_terminal(error):
            raise
        if _Job.over and isinstance(error, KeyboardInterrupt):
            return _Job.code
        if (
            isinstance(error, MISTAKES) and stopping.asked() is None
        ):  # else a signal has broken what Hydra was at
            print(visible(f"snnexp: {told(error, overrides)}"), file=sys.stderr)
            return 2
        under_way = _Job.begun or _sweeping(_Job.arguments) or not isinstance(error, Exception)
        under_way = under_way or (
            isinstance(error, OSError) and error.filename is not None
        )  # not of a stream, but of a folder
        return _exit_code(error, overrides) if under_way else _unbegun(error, overrides)


def _is_of_the_terminal(error: BaseException) -> bool:
    """Whether what Hydra prints itself, help and configurations, has found no room; an error of a
    file has its name.
    """
    if isinstance(error, MISTAKES):  # of which Hydra makes one an OSError
        return False
    return (
        isinstance(error, OSError)
        and error.filename is None
        and not hasattr(error, "of_a_job")
        and Sweep.folder is None
    )


def _close(arguments: list[str], code: int) -> None:
    folder = Sweep.close()
    if folder is not None and code:
        again = going_on(arguments, folder, "hydra.sweep.dir")
        print(visible(f"snnexp: the sweep goes on with: {again}"), file=sys.stderr, flush=True)


def _sweeping(arguments: list[str]) -> bool:
    return any(each in ("-m", "--multirun") or each.startswith("hydra.mode=") for each in arguments)


def _aside(arguments: list[str]) -> list[str]:
    # Hydra makes a folder in every process; only that of process 0 is the run's.
    if int(os.environ.get("RANK", 0)) == 0:
        return arguments
    folder = tempfile.mkdtemp(prefix="snnexp-process-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return [
        *(each for each in arguments if not each.startswith("hydra.run.dir=")),
        f"hydra.run.dir={folder}",
    ]


def _is_override(argument: str) -> bool:
    return not argument.startswith("-") and ("=" in argument or argument.startswith("~"))


class _Job:
    """What the last job of this process left; Hydra hands nothing back."""

    code = 0
    begun = False
    over = False
    arguments: list[str] = []


@hydra.main(version_base="1.3", config_path=CONF, config_name="config")
def _job(config: DictConfig) -> float | tuple[float, ...] | None:
    with waiting("loading PyTorch"):
        from snnexp.cli.job import attempt
        from snnexp.cli.numbered import numbered
        from snnexp.cli.objective import check_sweeper, objective

    _Job.begun = True
    settings = HydraConfig.get()
    sweeping = settings.mode == RunMode.MULTIRUN
    given = list(settings.overrides.task)
    overrides = given if sweeping else None
    with waiting("reading the configuration"):
        composition = _arranged(config, given)
    if not sweeping:  # a sweep has said it before its first job
        say(composition.notices)
    config = composition.config
    if sweeping:
        print(
            visible(f"job {settings.job.num}: {' '.join(overrides)}"), file=sys.stderr, flush=True
        )
    run_dir = Path(settings.runtime.output_dir)
    if sweeping:
        every_job_its_own_run()
        check_sweeper(
            config, settings.sweeper._target_, settings.sweeper.get("direction", "maximize")
        )
    command = None if sweeping else going_on(_Job.arguments, run_dir)
    beside_others = sweeping and not settings.launcher._target_.endswith(".BasicLauncher")
    with numbered(settings.job.num) if beside_others else nullcontext():
        result, error, _Job.code = attempt(
            config,
            composition.choices,
            run_dir,
            overrides,
            _command(given),
            command,
            _begun(settings),
        )
    _Job.over = not sweeping
    if error is not None and sweeping:
        error.of_a_job = True
        raise (
            SweepEnded(error) if config.on_error == "stop" else error
        )  # a launcher and a sweeper know a failed job by its exception
    if sweeping and stopping.asked() is not None:
        raise stopping.Stopped(stopping.asked())  # too late for this job, in time for the next
    return None if result is None else objective(result, list(config.objectives))


def _arranged(config: DictConfig, given: list[str]) -> Composition:
    """What Hydra has composed, with what it knows nothing of; a configuration of another name
    stands for itself.
    """
    settings = HydraConfig.get()
    chosen = settings.runtime.choices.items()
    choices = {
        group: option for group, option in chosen if option and not group.startswith("hydra/")
    }
    if settings.job.config_name == "config" and may_differ(given, choices):
        composition = arranged(given)
        return composition if composition.notices else Composition(config, choices)
    return Composition(config, choices)


def say(notices: list[str]) -> None:
    """Says what composing has changed, a line each."""
    for notice in notices if int(os.environ.get("RANK", 0)) == 0 else ():
        print(visible(f"snnexp: {notice}"), file=sys.stderr, flush=True)


def _begun(settings: HydraConf) -> Begun:
    """The arguments of a job, and the folders of options of the user's own that were searched."""
    named = [each.path for each in settings.runtime.config_sources if each.provider in OWN]
    own = [path.removeprefix("file://") for path in named if not path.startswith("pkg://")]
    return Begun(list(settings.overrides.task), own)


def _command(overrides: list[str]) -> str:
    """The command line that gives a run on any machine: each has folders for data and outputs of
    its own.
    """
    kept = [each for each in overrides if each.partition("=")[0].lstrip("+") not in PLACES]
    return shlex.join(["snnexp", "train", *kept])


class SweepEnded(BaseException):
    """A job has failed, and the others are not to be started (on_error=stop)."""

    def __init__(self, error: BaseException):
        super().__init__(str(error))
        self.error = error


def _exit_code(error: BaseException, overrides: list[str]) -> int:
    from snnexp.cli.exits import exit_code

    if (
        hasattr(error, "of_a_job")
        and isinstance(error, Exception)
        and stopping.asked() is None
        and Sweep.partly()
    ):
        return FAILED  # of a sweep whose other jobs have gone on
    error = error.error if isinstance(error, SweepEnded) else error
    if stopping.asked() is not None and isinstance(error, Exception):
        error = stopping.Stopped(stopping.asked())
    said = (
        _unmade(error, overrides)
        if isinstance(error, OSError) and not hasattr(error, "of_a_job")
        else None
    )
    if said is not None:
        print(visible(f"snnexp: {said}"), file=sys.stderr)
        return BAD_CONFIG
    if not hasattr(error, "of_a_job"):  # a job has said and written it already
        if isinstance(error, KeyboardInterrupt):
            error = stopping.Stopped(signal.SIGINT)
        trace = "" if str(error) else "".join(traceback.format_exception(error))
        kind = "" if isinstance(error, stopping.Stopped) else f"{type(error).__name__}: "
        place = (
            f" ({Sweep.folder})"
            if Sweep.folder is not None and isinstance(error, OSError) and error.filename is None
            else ""
        )
        print(visible(f"snnexp: {kind}{error}{trace}{place}"), file=sys.stderr)
    return exit_code(error)


def _unmade(error: OSError, overrides: list[str]) -> str | None:
    """Why the folder of a run could not be made; None where an error says something else. Its name
    may come of a value that is wrong.
    """
    from snnexp.cli.usable import unmade

    said = unmade(error)
    wrong = wrong_values(overrides) if said and not _sweeping(_Job.arguments) else []
    return listed(wrong) if wrong else said


def _unbegun(error: Exception, overrides: list[str]) -> int:
    """The exit code of what kept a run from beginning: what was typed, unless there is no room for
    its folder.
    """
    from snnexp.cli.exits import exit_code

    print(visible(f"snnexp: {told(error, overrides)}"), file=sys.stderr)
    return NO_ROOM if exit_code(error) == NO_ROOM else BAD_CONFIG


def _no_job() -> int:
    print("snnexp: the sweep has come to no job: there is no value to run", file=sys.stderr)
    return 2


def _complete_after_the_command() -> None:
    # Bash hands over the whole line; Hydra completes overrides and does not know that a command
    # comes first.
    line = os.environ.get("COMP_LINE")
    if line and re.match(r"\S+\s+train\s", line):
        shorter = re.sub(r"^(\S+)\s+train\s", r"\1 ", line)
        os.environ["COMP_POINT"] = str(
            int(os.environ.get("COMP_POINT", len(line))) - len(line) + len(shorter)
        )
        os.environ["COMP_LINE"] = shorter
