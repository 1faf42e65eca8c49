"""The command line as a user has it: in a process of its own, or many commands in one, since
importing is what takes time.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import command_server as commands

TINY = (
    "epochs=1",
    "tracker=none",
    "progress=plain",
    "architecture.layers=[4C3, AP4]",
    "optimizer.lr=0.01",
)
"""Overrides under which a run takes a fraction of a second."""
ROOT = Path(__file__).parents[2]


class Answer(NamedTuple):
    """What a command left on the terminal."""

    code: int
    out: str
    err: str


def environment(*search: Path) -> dict[str, str]:
    """The environment of this process without what would change a run; `search` comes first on
    Python's path.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SNNEXP", "WANDB", "HYDRA", "COMP_", "PYTHON"))
    }
    return {
        **kept,
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "200",
        "SNNEXP_SETTINGS": "",  # those of whoever runs the tests are theirs
        "PYTHONPATH": os.pathsep.join(map(str, [*search, ROOT])),
    }


def hearing() -> None:
    """For the start of a process: it hears signals, also where the tests run under `nohup` and
    ignore them.
    """
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def start(*words: str, folder: Path, **more: Any) -> subprocess.Popen:
    """Starts `snnexp` in a process of its own."""
    command = [sys.executable, "-m", "snnexp", *words]
    pipes = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "preexec_fn": hearing,
    }
    return subprocess.Popen(command, cwd=folder, env=environment(), **{**pipes, **more})


def answer(process: subprocess.Popen) -> Answer:
    """Waits for a process of `start`."""
    out, err = process.communicate(timeout=600)
    return Answer(process.returncode, out, err)


class Shell:
    """One process that answers many commands, in the `folder` that is set; `search` comes first on
    its path.
    """

    def __init__(self, folder: Path, *search: Path):
        self.folder, self.torch = folder, False
        self.begin(*search)

    def begin(self, *search: Path) -> None:
        """Starts the process."""
        command = [sys.executable, commands.__file__]
        pipes = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.DEVNULL,
            "text": True,
        }
        self.process = subprocess.Popen(
            command, env=environment(*search), preexec_fn=hearing, **pipes
        )
        self.questions, self.answers = self.process.stdin, self.process.stdout

    def ask(self, *words: str, **variables: str) -> None:
        """Starts a command."""
        self.questions.write(
            json.dumps({"words": words, "folder": str(self.folder), "variables": variables}) + "\n"
        )
        self.questions.flush()

    def answer(self) -> Answer:
        """Waits for the command that was started."""
        told = json.loads(self.answers.readline())
        self.torch = told["torch"]
        return Answer(told["code"], told["out"], told["err"])

    def __call__(self, *words: str, **variables: str) -> Answer:
        self.ask(*words, **variables)
        return self.answer()

    def close(self) -> None:
        """Ends the process."""
        self.questions.close()
        self.answers.close()
        self.process.kill()
        self.process.wait()
