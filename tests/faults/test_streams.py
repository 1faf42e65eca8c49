"""What a command says where nobody reads, or where there is no room for it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import environment
from tests.support.forked_runs import Forks, facts

TRAIN = (
    "train",
    "tracker=none",
    "architecture=mlp",
    "timesteps=1",
    "epochs=1",
    "dataset.validation=1337",
    "evaluate.images=20",
)
COMMANDS = {
    "list": ("list",),
    "help": ("--help",),
    "train --help": ("train", "--help"),
    "train --cfg": ("train", "--cfg", "job"),
    "data": ("data", "list"),
    "doctor": ("doctor",),
    "table": ("table", "1"),
    "train": (*TRAIN, "hydra.run.dir=new"),
    "sweep": (*TRAIN, "-m", "seed=1", "hydra.sweep.dir=sweep"),
    "evaluate": ("evaluate", "run"),
    "compare": ("compare", "run", "run"),
}


STARTED = ("sweep", "evaluate", "compare")
"""Commands that take seconds, of which `train` is one, too."""


@pytest.fixture(scope="module")
def folder(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run in `run`."""
    made = tmp_path_factory.mktemp("streams")
    assert forks.ended(made, *TRAIN, "hydra.run.dir=run")[0] == 0
    return made


@pytest.mark.fault("D: output", "stdout on a full disk")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.soak] * (name in STARTED)) for name in COMMANDS],
)
def test_a_full_stdout_is_said(name: str, forks: Forks, folder: Path, happened: Any):
    code, said = forks.ended(folder, *COMMANDS[name], out="/dev/full")
    assert code == 4 and "Traceback" not in said, said
    assert said.count("snnexp: what was to be shown has no room: No space left on device") == 1
    if name == "train":
        assert facts(folder / "new")["status"] == "finished"
    happened("exit 4 and a sentence")


@pytest.mark.fault("D: output", "a pipe whose reader has gone")
@pytest.mark.parametrize("name", ["list", "table", "data", "compare", "train --cfg"])
def test_a_closed_pipe_ends_a_command_without_a_word(name: str, folder: Path, happened: Any):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "snnexp", *COMMANDS[name]]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=write, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(write)
        assert process.stderr.read() == "" and process.wait() == 141
    happened("exit 141, as of SIGPIPE, and not a word")


@pytest.mark.fault("D: output", "a full pipe that does not wait")
def test_a_full_pipe_is_said(folder: Path, happened: Any):
    read, write = os.pipe()
    os.set_blocking(write, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(write, b"x" * 4096)
    command = [sys.executable, "-m", "snnexp", "list"]
    told = subprocess.run(
        command, cwd=folder, env=environment(), stdout=write, stderr=subprocess.PIPE, text=True
    )
    assert told.returncode == 4 and told.stderr.count("\n") == 1 and "has no room" in told.stderr, (
        told.stderr
    )
    os.close(read)
    os.close(write)
    happened("exit 4 and a sentence")


@pytest.mark.soak
@pytest.mark.fault("D: output", "stderr on a full disk")
@pytest.mark.parametrize(
    "words, code",
    [(("train", "neuron=life"), 2), (("evaluate", "nowhere"), 3), (("lisst",), 2), (TRAIN, 0)],
)
def test_the_exit_code_stands_where_stderr_takes_nothing(
    words: tuple, code: int, forks: Forks, folder: Path, happened: Any
):
    run = forks.start(folder, *words, err="/dev/full")
    assert run.code() == code
    happened(f"exit {code} all the same")


@pytest.mark.fault("D: output", "stdout and stderr closed before the start")
def test_closed_streams_lead_nowhere(folder: Path, happened: Any):
    command = [sys.executable, "-m", "snnexp", *TRAIN, "hydra.run.dir=closed"]
    closing = {"preexec_fn": lambda: [os.close(number) for number in (0, 1, 2)], "close_fds": True}
    assert subprocess.run(command, cwd=folder, env=environment(), **closing).returncode == 0
    assert facts(folder / "closed")["status"] == "finished"
    assert all(
        b"accuracy in %" not in path.read_bytes() for path in (folder / "closed").rglob("*.json*")
    )
    happened("the run ends well, nothing is written into its files")


@pytest.mark.soak
@pytest.mark.fault("D: the same command again", "on a finished run, and with another setting")
def test_a_finished_run_says_so(forks: Forks, folder: Path, happened: Any):
    code, said = forks.ended(folder, *TRAIN, "hydra.run.dir=run")
    assert code == 0 and "holds this run, finished" in said
    code, said = forks.ended(folder, *TRAIN, "hydra.run.dir=run", "seed=3")
    assert code == 2 and "seed: 1 there, 3 here" in said
    happened("exit 0 and says so; exit 2 and names the key")


@pytest.mark.soak
@pytest.mark.fault("D: broken links", "in the place of a run, of an image, of weights")
def test_broken_links_are_data_that_are_missing(
    forks: Forks, folder: Path, tmp_path: Path, happened: Any
):
    (tmp_path / "run").symlink_to(tmp_path / "gone")
    assert forks.ended(tmp_path, "evaluate", "run")[0] == 3
    for part in ("train", "test"):
        (tmp_path / "data" / part / "a").mkdir(parents=True)
        (tmp_path / "data" / part / "a" / "1.png").symlink_to(tmp_path / "gone.png")
    code, said = forks.ended(
        tmp_path, *TRAIN[:-2], "dataset=image_folder", "data_dir=data", "hydra.run.dir=new"
    )
    assert code == 3 and "1.png" in said and "Traceback" not in said, said
    happened("exit 3, named")
