"""A process apart: it is told things and answers, and never makes its teller wait for longer than
that wants to.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from snnexp.files.atomic import dumps


class Ended(RuntimeError):
    """The process has ended by itself, or somebody has ended it."""


class Apart:
    """Runs `main(parent)` of a module in a Python of its own, which reads and writes a JSON value a
    line.

    It is out of reach of what a terminal sends to this process, and sees the end of its stdin when
    this process is gone, however that came about.

    Args:
        module: where `main` is; it gets the id of this process.
        environment: the variables that the process has.
    """

    def __init__(self, module: str, environment: Mapping[str, str]):
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; from {module} import main; "
            f"main({os.getpid()})"
        )
        command, pipe, nowhere = [sys.executable, "-c", code], subprocess.PIPE, subprocess.DEVNULL
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=pipe,
            stdout=pipe,
            stderr=nowhere,
            start_new_session=True,
        )
        self.told, self.said = SimpleQueue(), SimpleQueue()
        self.threads = [
            threading.Thread(target=each, daemon=True) for each in (self._write, self._read)
        ]
        for thread in self.threads:
            thread.start()

    def tell(self, value: Any) -> None:
        """Sends `value`; does not wait."""
        self.told.put(f"{dumps(value)}\n".encode("utf-8", "replace"))

    def answer(self, patience: float) -> Any:
        """The next answer; None if there is none within `patience` seconds.

        Raises:
            Ended: there is none, and there will be none.
        """
        try:
            line = self.said.get(timeout=patience)
        except Empty:
            return None
        if line is None:
            self.said.put(None)
            raise Ended(f"its process has ended with code {self.process.wait()}")
        return json.loads(line)

    def close(self, patience: float) -> None:
        """Lets the process end by itself within `patience` seconds, then ends it."""
        self.told.put(None)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        self.kill()

    def kill(self) -> None:
        """Ends the process at once, and those that it has started."""
        started = (
            _children(self.process.pid) if self.process.poll() is None else []
        )  # or its number may be another's by now
        self.process.kill()
        self.process.wait()
        for child in started:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self.told.put(None)
        for thread in self.threads:
            thread.join()
        self.process.stdout.close()

    def _write(self) -> None:
        with suppress(OSError):  # of a process that has ended: it says so on the other side
            while (line := self.told.get()) is not None:
                self.process.stdin.write(line)
                self.process.stdin.flush()
        with suppress(OSError):
            self.process.stdin.close()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.said.put(line)
        self.said.put(None)


def _children(parent: int) -> list[int]:
    """The processes that `parent` has started and that go on; none where the system has no
    /proc.
    """
    return [
        int(stat.parent.name)
        for stat in Path("/proc").glob("[0-9]*/stat")
        if _parent(stat) == parent
    ]


def _parent(stat: Path) -> int | None:
    try:
        return int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
    except (OSError, IndexError):  # gone since
        return None
