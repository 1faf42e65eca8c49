"""Real processes that run `snnexp`, at a fraction of the time that imports take."""

import json
import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.warm import Forked

SETTINGS = (
    *(
        "tracker=none",
        "progress=plain",
        "device=cpu",
        "architecture=mlp",
        "architecture.widths=[16]",
        "timesteps=2",
        "epochs=4",
    ),
    *(
        "batch_size=8",
        "encoder=poisson",
        "dataset.validation=1037",
        "evaluate.images=50",
        "optimizer.lr=0.01",
    ),
)
"""A run of four epochs of 50 batches, with noise, an optimizer that remembers, and running
statistics.
"""
STRAIGHT = ("selection=best_validation",)


class Run:
    """A run in a process of its own."""

    def __init__(self, words: tuple[str, ...], folder: Path, **more: Any):
        self.folder = folder
        self.out, self.err = (
            folder / f"{time.monotonic_ns()}.out",
            folder / f"{time.monotonic_ns()}.err",
        )
        plain = {
            "out": str(self.out),
            "err": str(self.err),
            "ignored": [],
            "killed": None,
            "variables": {},
        }
        self.process = Forked({"words": words, "folder": str(folder), **plain, **more})

    @property
    def number(self) -> int:
        """The number of its process."""
        return self.process.pid

    def until(self, condition: Callable[[], Any]) -> None:
        """Waits for what the run does."""
        deadline = time.monotonic() + 300
        while not condition():
            assert time.monotonic() < deadline and os.path.exists(f"/proc/{self.number}"), (
                self.err.read_text()
            )
            time.sleep(0.002)

    def send(self, number: int) -> None:
        """Sends a signal."""
        self.process.send_signal(number)

    def code(self) -> int:
        """Waits for its end; negative for a signal that killed it."""
        return self.process.wait()

    @property
    def said(self) -> str:
        """What is on stderr."""
        return self.err.read_text()


class Forks:
    """Starts runs."""

    def start(self, folder: Path, *words: str, **more: Any) -> Run:
        """Starts `snnexp` in `folder`."""
        return Run(words, folder, **more)

    def train(self, folder: Path, *words: str, **more: Any) -> Run:
        """Starts the run of `SETTINGS` in `folder`/run."""
        return self.start(
            folder, "train", *SETTINGS, *STRAIGHT, *words, "hydra.run.dir=run", **more
        )

    def ended(self, folder: Path, *words: str, **more: Any) -> tuple[int, str]:
        """Exit code and stderr of a command."""
        run = self.start(folder, *words, **more)
        return run.code(), run.said


@pytest.fixture(scope="session")
def forks() -> Forks:
    """Starts real processes."""
    return Forks()


@pytest.fixture(scope="session")
def straight(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run of `SETTINGS` that nothing has disturbed."""
    folder = tmp_path_factory.mktemp("straight")
    run = forks.train(folder)
    assert run.code() == 0, run.said
    return folder / "run"


def lines(folder: Path) -> int:
    """Records so far."""
    path = folder / "metrics.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


def facts(folder: Path) -> dict[str, Any]:
    """The status of a run."""
    return json.loads((folder / "status.json").read_text())


def kept(folder: Path) -> list[str]:
    """The names of the checkpoints."""
    return sorted(path.name for path in (folder / "checkpoints").glob("*"))


def told_command(said: str) -> list[str]:
    """The command with which a run that has ended says that it goes on, from its last line."""
    last = said.strip().splitlines()[-1]
    assert "goes on with: snnexp " in last, said
    return shlex.split(last.partition("goes on with: snnexp ")[2])


def assert_same(folder: Path, wanted: Path) -> None:
    """The run has left what the undisturbed one has, and nothing else."""
    for name in ("metrics.jsonl", "weights.safetensors"):
        assert (folder / name).read_bytes() == (wanted / name).read_bytes(), name
    assert timeless(folder) == timeless(wanted) and facts(folder)["status"] == "finished"
    assert not [*folder.rglob(".*")] and not (folder / "error.txt").exists()


def timeless(folder: Path) -> dict[str, Any]:
    """The result without times and memory."""
    result = json.loads((folder / "result.json").read_text())
    for block in (result, *result["stages"].values()):
        for key in (
            "train_seconds",
            "evaluate_seconds",
            "peak_memory_bytes",
            "git_commit",
            "command",
        ):
            block.pop(key, None)
    return result
