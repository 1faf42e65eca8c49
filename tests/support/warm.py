"""Processes that need not import anything, since they are forked from one that has: importing
PyTorch and what its optimizers ask for takes longer than most runs of tests.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tests.support import fork_server
from tests.support.command_line import Shell, environment


class Warm:
    """The process that forks, and answers one question after the other."""

    def __init__(self) -> None:
        command = [sys.executable, fork_server.__file__]
        self.process = subprocess.Popen(
            command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, question: dict[str, Any]) -> Any:
        """The number of a new process, or the exit code of one."""
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """Ends it."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@cache
def warm() -> Warm:
    """The one of these tests, started when it is first needed."""
    return Warm()


class Forked:
    """A process forked from the warm one, as far as tests ask about it."""

    def __init__(self, question: dict[str, Any]):
        self.pid: int = warm().ask(question)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code; negative for a signal that killed it; `None` while it goes on."""
        if self.returncode is None:
            self.returncode = warm().ask({"ended": self.pid})
        return self.returncode

    def wait(self) -> int:
        """Its exit code as soon as it has ended."""
        if self.returncode is None:
            self.returncode = warm().ask({"wait": self.pid})
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it at once."""
        if self.poll() is None:
            self.send_signal(signal.SIGKILL)


class WarmShell(Shell):
    """A `Shell` for commands that need PyTorch, which has imported it from the first."""

    def begin(self, *search: Path) -> None:
        """Starts the process."""
        pipes = Path(tempfile.mkdtemp())
        asked, answered = pipes / "asked", pipes / "answered"
        for pipe in (asked, answered):
            os.mkfifo(pipe)
        self.process = Forked(
            {
                "asked": str(asked),
                "answered": str(answered),
                "search": [str(folder) for folder in search],
                "variables": environment(*search),
                "ignored": [],
            }
        )
        self.questions, self.answers = asked.open("w"), answered.open()
        shutil.rmtree(pipes)
