"""How a run stands: `status.json`, which also keeps two runs out of one folder, and `error.txt` for
one that failed.
"""

import os
import platform
import secrets
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from snnexp.files.atomic import create_json, dumps, write_json, write_text
from snnexp.files.documents import read_json
from snnexp.files.drafts import is_running, remove_dead_drafts
from snnexp.files.foreign import Absent, Unreadable

SIGNALLED = 128
"""Exit codes from here on are 128 + the number of the signal that ended the run."""


LONGEST = 1500
"""Characters of an error in the status, so that it fits into the block that the file has from the
beginning.
"""


class RunFolderTaken(RuntimeError):
    """The run folder belongs to a run that is going on or is finished."""


class Status:
    """The status of the run in one folder: running, then finished, failed or preempted."""

    def __init__(self, run_dir: Path | str):
        self.path = Path(run_dir) / "status.json"
        self.facts: dict[str, Any] = {}

    def start(self) -> None:
        """Claims the folder for this process.

        Raises:
            RunFolderTaken: a run is going on or is finished there. A run that ended otherwise, or
                whose process is gone, gives way.
        """
        remove_dead_drafts(self.path.parent)
        self.make_way()
        self.facts = {
            "status": "running",
            "exit_code": None,
            "error": None,
            **_process(),
            "started": _now(),
            "finished": None,
        }
        try:
            create_json(self.path, self.facts)
        except FileExistsError:
            raise _taken(self.path, read(self.path.parent) or {}) from None
        self.path.with_name("error.txt").unlink(missing_ok=True)

    def finish(self) -> None:
        """The run has reached its end and its result is written."""
        self._end("finished", 0)

    def preempt(self, exit_code: int) -> None:
        """The run was told to stop and can be resumed."""
        self._end("preempted", exit_code)

    def fail(self, error: BaseException, exit_code: int) -> None:
        """The run stopped at `error`, whose traceback goes to `error.txt`."""
        with suppress(
            OSError
        ):  # a full disk may be the very error: it must not hide behind a second one
            write_text(self.path.with_name("error.txt"), "".join(traceback.format_exception(error)))
        said = f"{type(error).__name__}: {error}"
        self._end("failed", exit_code, said if len(said) <= LONGEST else f"{said[:LONGEST]} ...")

    def _end(self, status: str, exit_code: int, error: str | None = None) -> None:
        self.facts |= {"status": status, "exit_code": exit_code, "error": error, "finished": _now()}
        try:
            write_json(self.path, self.facts)
        except OSError:
            _overwrite(self.path, f"{dumps(self.facts, indent=2)}\n".encode())

    def make_way(self) -> None:
        """Removes what a run that is over has left. Raises `RunFolderTaken` where one goes on."""
        found = read(self.path.parent)
        if found is None:
            return
        if _holds(found):
            raise _taken(self.path, found)
        self.put_aside(found)

    def put_aside(self, found: dict[str, Any]) -> None:
        """Removes the file if it still says what was found. Raises `RunFolderTaken` where it does
        not: a rival was quicker.
        """
        aside = self.path.with_name(f".status.{os.getpid()}.{secrets.token_hex(3)}")
        try:
            os.rename(self.path, aside)
        except FileNotFoundError:  # a rival was quicker
            raise _taken(self.path, found) from None
        if _parse(aside) != found:  # a rival has already started anew, and this is its file
            os.rename(aside, self.path)
            raise _taken(self.path, read(self.path.parent) or {})
        aside.unlink()


def unfinished(run_dir: Path | str) -> bool:
    """Whether a run has started in `run_dir` that came to no end, and that nobody is at: it can be
    resumed.
    """
    found = read(run_dir)
    return found is not None and not _holds(found)


@contextmanager
def claimed(run_dir: Path | str, exit_code: Callable[[BaseException], int]) -> Iterator[Status]:
    """Within the block `run_dir` is this run's; how the block ends is how the run has ended. Errors
    pass through.

    Args:
        run_dir: the run folder; made if it is not there.
        exit_code: from an error to the exit code of the command; 128 and above, a signal, is a
            preemption.

    Raises:
        RunFolderTaken: another run is going on or is finished there.
    """
    status = Status(run_dir)
    status.start()
    try:
        yield status
    except BaseException as error:
        _ended_by(status, error, exit_code(error))
        raise
    status.finish()


def _ended_by(status: Status, error: BaseException, code: int) -> None:
    with suppress(OSError):  # the folder may be gone: that must not hide what has ended the run
        if code >= SIGNALLED:
            status.preempt(code)
        else:
            status.fail(error, code)


def _overwrite(path: Path, data: bytes) -> None:
    """Into the room that a file has already: what can still be done on a full disk."""
    with path.open("rb+") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def read(run_dir: Path | str) -> dict[str, Any] | None:
    """The status of the run in `run_dir`, None where no run has started."""
    try:
        return _parse(Path(run_dir) / "status.json")
    except Absent:
        return None


def _parse(path: Path) -> dict[str, Any]:
    try:
        facts = read_json(path)
    except Absent:
        raise
    except Unreadable:
        facts = None
    if isinstance(facts, dict) and "status" in facts:
        return facts
    return {"status": "failed", "error": "status.json cannot be read"}


def _process() -> dict[str, Any]:
    return {"pid": os.getpid(), "process_born": _born(os.getpid()), "host": platform.node()}


def _holds(found: dict[str, Any]) -> bool:
    return found["status"] == "finished" or (found["status"] == "running" and _lives(found))


def _lives(found: dict[str, Any]) -> bool:
    """Whether the process named in `found` goes on; one on another machine cannot be asked and
    counts as alive.
    """
    if found.get("host") != platform.node():
        return True
    pid = found.get("pid")
    return (
        isinstance(pid, int)
        and 0 < pid < 2**31
        and is_running(pid)
        and _born(pid) == found.get("process_born")
    )


def _born(pid: int) -> str | None:
    """When a process began, in ticks since boot: tells it from a later one with the same number, as
    in a restarted container.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):  # no /proc on this system, or no such process
        return None


def _taken(path: Path, found: dict[str, Any]) -> RunFolderTaken:
    if found.get("status") == "finished":
        return RunFolderTaken(
            f"{path.parent} holds a finished run; choose another folder with "
            "hydra.run.dir=PATH, or delete this one"
        )
    process = f"process {found.get('pid')} on {found.get('host')}, started {found.get('started')}"
    return RunFolderTaken(
        f"{path.parent} is in use by another run ({process}); choose another folder with "
        "hydra.run.dir=PATH, "
        f"or delete {path.name} in it if that process is gone"
    )


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
