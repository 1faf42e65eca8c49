"""Files that appear whole or not at all, and the status file that keeps runs apart."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from snnexp.files import atomic
from snnexp.runs.status import RunFolderTaken, Status, claimed, read


def _code(error: BaseException) -> int:
    return 143 if isinstance(error, KeyboardInterrupt) else 1


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_writing_replaces_what_was_there_and_leaves_no_draft(tmp_path):
    path = tmp_path / "new" / "file.txt"
    atomic.write_text(path, "first")
    atomic.write_text(path, "second: é")
    assert path.read_text(encoding="utf-8") == "second: é"
    assert _names(path.parent) == ["file.txt"]


def test_a_written_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "usual").write_text("")
    atomic.write_bytes(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_content(tmp_path, monkeypatch, step):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    atomic.write_bytes(tmp_path / "weights", b"good")
    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space"):
        atomic.write_bytes(tmp_path / "weights", b"better")
    assert (tmp_path / "weights").read_bytes() == b"good"
    assert _names(tmp_path) == ["weights"]


def test_an_interrupted_draft_is_not_published(tmp_path):
    atomic.write_bytes(tmp_path / "weights", b"good")
    with pytest.raises(KeyboardInterrupt), atomic.replacing(tmp_path / "weights") as draft:
        draft.write_bytes(b"ha")
        raise KeyboardInterrupt
    assert (tmp_path / "weights").read_bytes() == b"good"
    assert _names(tmp_path) == ["weights"]


def test_json_is_strict_and_keeps_its_order(tmp_path):
    value = {
        "b": math.nan,
        "a": [math.inf, 1.5],
        "tensor": torch.tensor([1.0, math.nan]),
        "array": np.float32(0.5),
        "path": tmp_path,
        "t": (1,),
    }
    atomic.write_json(tmp_path / "x.json", value)
    text = (tmp_path / "x.json").read_text()
    assert "NaN" not in text and "Infinity" not in text
    expected = {
        "b": None,
        "a": [None, 1.5],
        "tensor": [1.0, None],
        "array": 0.5,
        "path": str(tmp_path),
        "t": [1],
    }
    assert json.loads(text) == expected and list(json.loads(text)) == list(value)


def test_values_that_need_a_gradient_are_written_too():
    assert atomic.plain({"x": torch.ones(2, requires_grad=True, dtype=torch.bfloat16)}) == {
        "x": [1.0, 1.0]
    }


def test_a_file_is_created_once_only(tmp_path):
    atomic.create_json(tmp_path / "x.json", {"n": 1})
    with pytest.raises(FileExistsError):
        atomic.create_json(tmp_path / "x.json", {"n": 2})
    assert json.loads((tmp_path / "x.json").read_text()) == {"n": 1}
    assert _names(tmp_path) == ["x.json"]


def test_a_file_is_created_once_where_there_are_no_hard_links(tmp_path, monkeypatch):
    def unsupported(*arguments):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", unsupported)
    atomic.create_json(tmp_path / "x.json", {"n": 1})
    with pytest.raises(FileExistsError):
        atomic.create_json(tmp_path / "x.json", {"n": 2})
    assert json.loads((tmp_path / "x.json").read_text()) == {"n": 1}


def test_a_run_that_ends_well_is_finished(tmp_path):
    assert read(tmp_path) is None
    with claimed(tmp_path / "run", _code):
        running = read(tmp_path / "run")
    finished = read(tmp_path / "run")
    assert (running["status"], running["pid"], running["finished"]) == (
        "running",
        os.getpid(),
        None,
    )
    assert (finished["status"], finished["exit_code"], finished["error"]) == ("finished", 0, None)
    assert finished["finished"] >= finished["started"]
    assert _names(tmp_path / "run") == ["status.json"]


def test_a_run_that_fails_leaves_its_traceback_until_it_is_resumed(tmp_path):
    with pytest.raises(ValueError), claimed(tmp_path, _code):
        raise ValueError("threshold is 0")
    status = read(tmp_path)
    assert (status["status"], status["exit_code"], status["error"]) == (
        "failed",
        1,
        "ValueError: threshold is 0",
    )
    assert "test_a_run_that_fails" in (tmp_path / "error.txt").read_text()
    with claimed(tmp_path, _code):
        assert _names(tmp_path) == ["status.json"]


def test_a_run_stopped_by_a_signal_is_preempted(tmp_path):
    with pytest.raises(KeyboardInterrupt), claimed(tmp_path, _code):
        raise KeyboardInterrupt
    assert (read(tmp_path)["status"], read(tmp_path)["exit_code"]) == ("preempted", 143)
    assert _names(tmp_path) == ["status.json"]


def test_a_full_disk_does_not_hide_the_error(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    with pytest.raises(ValueError, match="the first"), claimed(tmp_path, _code):
        monkeypatch.setattr(os, "fsync", full)
        raise ValueError("the first")


def test_two_runs_cannot_share_a_folder(tmp_path):
    with claimed(tmp_path, _code):
        with pytest.raises(RunFolderTaken, match=f"process {os.getpid()} "):
            Status(tmp_path).start()
        assert read(tmp_path)["status"] == "running"
    with pytest.raises(RunFolderTaken, match="finished run"):
        Status(tmp_path).start()
    assert _names(tmp_path) == ["status.json"]


def test_of_two_runs_that_start_at_once_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Status, "make_way", lambda self: None)  # both have looked, and seen nothing
    Status(tmp_path).start()
    with pytest.raises(RunFolderTaken, match=f"process {os.getpid()} "):
        Status(tmp_path).start()


def test_a_rival_that_took_a_stale_folder_first_keeps_it(tmp_path):
    stale = {"status": "failed", "error": "long ago"}
    Status(tmp_path).start()
    with pytest.raises(RunFolderTaken):
        Status(tmp_path).put_aside(stale)  # what was judged stale is no longer what is there
    assert read(tmp_path)["status"] == "running"
    assert _names(tmp_path) == ["status.json"]


@pytest.mark.slow
def test_the_folder_of_a_killed_run_can_be_taken_over(tmp_path):
    script = (
        f"import os; from snnexp.runs.status import Status; Status({str(tmp_path)!r}).start(); "
        "os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script])
    assert killed.returncode == -9 and read(tmp_path)["status"] == "running"
    with claimed(tmp_path, _code):
        assert read(tmp_path)["pid"] == os.getpid()


@pytest.mark.parametrize(
    "changes, taken", [({}, True), ({"process_born": "1"}, False), ({"host": "elsewhere"}, True)]
)
def test_a_process_is_known_by_more_than_its_number(tmp_path, changes, taken):
    Status(tmp_path).start()
    atomic.write_json(tmp_path / "status.json", read(tmp_path) | changes)
    if taken:
        with pytest.raises(RunFolderTaken, match="delete status.json"):
            Status(tmp_path).start()
    else:
        Status(tmp_path).start()


@pytest.mark.parametrize("text", ["", '{"status": "run', "[]"])
def test_a_damaged_status_gives_way(tmp_path, text):
    (tmp_path / "status.json").write_text(text)
    assert read(tmp_path)["status"] == "failed"
    with claimed(tmp_path, _code):
        assert read(tmp_path)["status"] == "running"
