"""Folders with names that the terminal's encoding does not know."""

import io
import subprocess
import sys

import pytest

from snnexp.track.none import NoTracker
from tests.support.command_line import environment
from tests.support.fake_run import whole_run


def ascii_stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)


@pytest.mark.fault("B: said wrongly", "the run folder has a letter that the terminal does not know")
def test_a_run_does_not_fail_of_a_letter(tmp_path, monkeypatch, happened):
    folder = tmp_path / "Läufe"
    folder.mkdir()
    monkeypatch.setattr(sys, "stdout", ascii_stream())
    whole_run(folder, NoTracker())
    assert f"run folder  {folder}" in (folder / "train.log").read_text(encoding="utf-8")
    happened("the run goes on; train.log has the name")


@pytest.mark.fault("B: said wrongly", "a command prints a path that the terminal does not know")
def test_a_command_prints_any_path(tmp_path, happened):
    variables = {
        **environment(),
        "PYTHONIOENCODING": "ascii",
        "SNNEXP_DATA": str(tmp_path / "Läufe"),
    }
    command = [sys.executable, "-m", "snnexp", "data", "list"]
    said = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert said.returncode == 0 and "ufe" in said.stdout and "\\xe4" in said.stdout, said
    happened("the letter is shown as an escape")
