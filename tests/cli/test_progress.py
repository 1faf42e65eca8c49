"""What a person sees while a command runs, on a terminal 80 columns wide."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.support.command_line import environment, hearing

pytestmark = pytest.mark.slow
RUN = (
    "train",
    "tracker=none",
    "+experiment=digits_conversion",
    "+debug=limit",
    "timesteps=400",
    "evaluate.predictions=true",
    "hydra.run.dir=run",
)


class Session(NamedTuple):
    """A command on a terminal: all that was written there, and its exit code."""

    shown: str
    code: int


def on_terminal(folder: Path, *words: str, until: str | None = None) -> Session:
    """Runs a command; once `until` is shown, Ctrl+C is pressed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    variables = environment() | {"TERM": "xterm", "NO_COLOR": "1"}
    variables.pop("COLUMNS")
    process = subprocess.Popen(
        [sys.executable, "-m", "snnexp", *words],
        cwd=folder,
        env=variables,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=hearing,
    )
    os.close(theirs)
    shown = ""
    for part in _read(ours):
        shown += part
        if until is not None and until in shown:
            process.send_signal(signal.SIGINT)
            until = None
    os.close(ours)
    return Session(shown, process.wait(timeout=60))


def _read(terminal: int) -> Iterator[str]:
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            return
        if not part:
            return
        yield part.decode(errors="replace")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("terminal")


@pytest.fixture(scope="module")
def trained(folder) -> Session:
    return on_terminal(folder, *RUN)


def test_something_is_shown_from_the_first_moment_on(trained):
    assert trained.code == 0, trained.shown
    order = [
        trained.shown.find(words)
        for words in (
            "reading the configuration",
            "loading PyTorch",
            "checking the configuration",
            "run folder  ",
            "cnn on digits  27,754 parameters, 2,688 neurons, T = 400",
            "estimate  about ",
            "evaluating convert",
            "convert  finished",
        )
    ]
    assert order == sorted(order) and -1 not in order, order


def test_conversion_and_evaluation_say_how_far_they_are(trained):
    assert re.search(r"recording convert .*\d/4 batches, T = 400", trained.shown)
    assert re.search(r"evaluating convert .*0/1 batches, T = 400, t = \d+ .*left", trained.shown)
    assert re.search(r"whole run .* \d+ % .*left", trained.shown)


def test_the_log_has_the_lines_and_no_display(trained, folder):
    log = (folder / "run" / "train.log").read_text()
    assert log.startswith("run folder  ") and "\x1b" not in log and "whole run" not in log
    assert re.search(
        r"estimate  about \d+:\d\d \(pretrain \d+:\d\d, convert \d+:\d\d\)  memory about", log
    )


def test_a_run_that_looks_for_mistakes_is_marked(trained, folder):
    result = json.loads((folder / "run" / "result.json").read_text())
    assert "debug" in result["reduced"] and result["flags"][0] == "debug: limit, no measurement"
    assert result["stages"]["pretrain"]["flags"][0] == "debug: limit, no measurement"
    assert (result["stages"]["pretrain"]["epochs"], result["test_images"]) == (1, 100)


def test_predictions_say_what_the_result_says(trained, folder):
    result = json.loads((folder / "run" / "result.json").read_text())
    with np.load(folder / "run" / "predictions.npz") as kept:
        assert kept["by_timestep"].shape == (100, 400)
        right = kept["by_timestep"] == kept["labels"][:, None]
        assert (100 * right.mean(0)).tolist() == pytest.approx(result["accuracy_by_timestep"])
        assert (kept["answers"] == kept["by_timestep"][:, -1]).all()
        assert kept["confusion"].trace() == (kept["answers"] == kept["labels"]).sum()
        assert (kept["confusion"].sum(1) <= np.bincount(kept["labels"], minlength=10)).all()
        assert kept["classes"].tolist() == result["classes"]


def test_evaluate_says_how_far_it_is(trained, folder):
    told = on_terminal(folder, "evaluate", "run", "timesteps=200")
    assert told.code == 0, told.shown
    assert "loading PyTorch" in told.shown and "opening the run" in told.shown
    assert re.search(r"evaluating .*0/1 batches, T = 200", told.shown)
    assert len([*(folder / "run" / "evaluations").glob("*.npz")]) == 1


def test_an_interrupted_run_says_where_it_was_and_how_to_go_on(tmp_path):
    told = on_terminal(tmp_path, *RUN[:-2], "hydra.run.dir=run", until="recording convert")
    assert told.code == 130
    assert "interrupted while recording convert, " in told.shown
    assert "snnexp: stopped by signal 2 (SIGINT)" in told.shown
    assert "the run goes on with: snnexp train" in told.shown
    assert "KeyboardInterrupt" not in told.shown and "Traceback" not in told.shown
