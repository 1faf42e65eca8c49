"""The queue: one run after the other, which can be ended anywhere and started again."""

import fcntl
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from snnexp.errors import ConfigError
from snnexp.files.atomic import write_text
from snnexp.reproduce.checked import check
from snnexp.reproduce.command import started
from snnexp.reproduce.frozen import frozen
from snnexp.reproduce.jobs import Job
from snnexp.reproduce.recorded import record
from snnexp.runs import status

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
Say = Callable[[str], None]


class Asked(BaseException):
    """A signal asked the queue to end."""

    def __init__(self, number: int):
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


@contextmanager
def alone(runs: Path) -> Iterator[None]:
    """Within the block no other queue works in `runs`. Raises `ConfigError` where one does."""
    runs.mkdir(parents=True, exist_ok=True)
    with (runs / "queue.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"{runs}: another queue is at work there; --runs DIR chooses another folder"
            ) from None
        yield


def work(jobs: Sequence[Job], runs: Path, threads: int, until: float, say: Say) -> int:
    """Runs the jobs in this order until the moment `until` of `time.monotonic`; the number of those
    that have failed.

    A run that the time is over for, or that is under way when a signal comes, is asked to stop, and
    goes on from there the next time.
    """
    failed = 0
    for job in jobs:
        if time.monotonic() >= until:
            break
        failed += _done(job, runs, threads, until, say)
    return failed


def _done(job: Job, runs: Path, threads: int, until: float, say: Say) -> bool:
    """Runs a job unless it is finished; whether it has failed."""
    if finished(job, runs):
        _recorded(job, runs, threads, say)
        return False
    if job.first is not None and not (runs / job.first / "result.json").exists():
        say(f"{job.name}: skipped, {job.first} is not finished")
        return False
    say(f"{job.name}: {'goes on' if begun(job, runs) else 'begins'}")
    code = _run(job, runs, threads, until)
    if code == 0:
        say(f"{job.name}: finished, recorded in {_recorded(job, runs, threads, say)}")
    elif code != 128 + signal.SIGTERM:
        say(f"{job.name}: failed with exit code {code}; its words are in {_log(job, runs)}")
    return code not in (0, 128 + signal.SIGTERM)


def _recorded(job: Job, runs: Path, threads: int, say: Say) -> Path:
    kept = record(job, runs)
    if not check(job.folder(runs), kept, _code(job, runs), threads):
        say(
            f"{job.name}: could not be evaluated again; the words are in "
            f"{job.folder(runs) / 'check.log'}"
        )
    return kept


def finished(job: Job, runs: Path) -> bool:
    """Whether the run of a job is over and has its result."""
    found = status.read(job.folder(runs))
    return (
        found is not None
        and found["status"] == "finished"
        and (job.folder(runs) / "result.json").exists()
    )


def begun(job: Job, runs: Path) -> bool:
    """Whether a run has been started for a job."""
    return status.read(job.folder(runs)) is not None


def _run(job: Job, runs: Path, threads: int, until: float) -> int:
    folder, copy = job.folder(runs), _code(job, runs)
    words = [
        "train",
        *job.words(runs),
        "tracker=none",
        "progress=plain",
        f"hydra.run.dir='{folder}'",
    ]
    _wait_for_the_one_before(folder)
    with _log(job, runs).open("ab") as log:
        process = started(words, copy, threads, log)
        try:
            return _ended(process, until)
        except BaseException:
            process.terminate()
            process.wait()
            raise


def _ended(process: subprocess.Popen, until: float) -> int:
    try:
        return process.wait(max(until - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        process.terminate()
        return process.wait()


def _wait_for_the_one_before(folder: Path) -> None:
    """A queue that was killed has asked its run to stop, which takes until the edge of a batch."""
    while (
        (found := status.read(folder)) is not None
        and found["status"] == "running"
        and not status.unfinished(folder)
    ):
        time.sleep(0.2)


def _code(job: Job, runs: Path) -> Path:
    """The copy of the program that has begun the run, or today's for one that begins."""
    note = runs / f"{job.name}.code"
    if begun(job, runs) and note.exists() and (runs / "code" / note.read_text().strip()).exists():
        return runs / "code" / note.read_text().strip()
    copy = frozen(runs)
    note.parent.mkdir(parents=True, exist_ok=True)
    write_text(note, f"{copy.name}\n")
    if not begun(job, runs):
        shutil.rmtree(job.folder(runs), ignore_errors=True)
    return copy


def _log(job: Job, runs: Path) -> Path:
    return runs / f"{job.name}.log"


@contextmanager
def asked_by_signals() -> Iterator[None]:
    """Within the block a signal raises `Asked`."""

    def stop(number: int, frame: object) -> None:
        raise Asked(number)

    before = {number: signal.getsignal(number) for number in STOPPING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
