"""`snnexp train`: Hydra composes, then the job runs. Nothing here imports torch until a job
starts.
"""

import atexit
import os
import re
import shlex
import shutil
import sys
import tempfile
import traceback
from contextlib import nullcontext
from pathlib import Path

import hydra
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from snnexp import stopping
from snnexp.cli.codes import BAD_CONFIG, FAILED, NO_ROOM
from snnexp.cli.goon import going_on
from snnexp.cli.signals import stopping_between_jobs
from snnexp.cli.sweep import Sweep, every_job_its_own_run
from snnexp.composition.explain import MISTAKES
from snnexp.composition.identity import PLACES
from snnexp.composition.resolvers import register
from snnexp.files.visible import visible
from snnexp.jobs.mistakes import in_sweep, listed, secrets, told, wrong_values
from snnexp.runs.begun import Begun

CONF = "pkg://snnexp.conf"
OWN = ("command-line", "hydra.searchpath in command-line")
"""What Hydra calls the sources of options that were named as arguments."""


def train(arguments: list[str]) -> int:
    """Runs `snnexp train` with these arguments and returns the exit code."""
    register()
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
    wrong = listed(unfit) if unfit else in_sweep(overrides) if _sweeping(arguments) else None
    if wrong:
        print(visible(f"snnexp: {wrong}"), file=sys.stderr)
        return 2
    sys.argv = ["snnexp train", *Sweep.watched(arguments)]
    _Job.code, _Job.begun, _Job.over = 0, False, False  # a process may run more than one
    os.environ.setdefault(
        "HYDRA_FULL_ERROR", "1"
    )  # Hydra then raises its errors instead of printing and leaving with code 1
    _Job.arguments = arguments
    code = 1
    try:
        with stopping_between_jobs() if _sweeping(arguments) else nullcontext():
            code = _composed(overrides)
        return code
    finally:
        _close(arguments, code)


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
def _job(config: DictConfig) -> float | None:
    from snnexp.cli.job import attempt
    from snnexp.cli.objective import check_sweeper, objective

    _Job.begun = True
    settings = HydraConfig.get()
    choices = {
        group: option
        for group, option in settings.runtime.choices.items()
        if option and not group.startswith("hydra/")
    }
    sweeping = settings.mode == RunMode.MULTIRUN
    given = list(settings.overrides.task)
    overrides = given if sweeping else None
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
    result, error, _Job.code = attempt(
        config, choices, run_dir, overrides, _command(given), command, _begun(settings)
    )
    _Job.over = not sweeping
    if error is not None and sweeping:
        error.of_a_job = True
        raise (
            SweepEnded(error) if config.on_error == "stop" else error
        )  # a launcher and a sweeper know a failed job by its exception
    if sweeping and stopping.asked() is not None:
        raise stopping.Stopped(stopping.asked())  # too late for this job, in time for the next
    return None if result is None else objective(result)


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
