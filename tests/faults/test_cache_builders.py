"""Caches that are built by several processes, or by one that is killed in the midst of it."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from snnexp.datasets import cache
from snnexp.datasets.cache import cached
from tests.support.command_line import environment

KIND = "21: cache built by an interrupted or parallel run"
PROGRAM = """
import sys, time, logging
from pathlib import Path
import numpy as np
from snnexp.datasets import cache

path, seconds, half = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "half"

def build():
    with path.with_name("built").open("a") as file:
        file.write("x")
    time.sleep(seconds)
    return {"x": np.arange(5)}

def half_written(file, **arrays):
    file.write(b"PK half")
    file.flush()
    path.with_name("half").touch()
    time.sleep(100)

if half:
    cache.np.savez = half_written
print(cache.cached(path, "a", build)["x"].tolist())
"""


def builder(path, seconds=0.0, way="whole"):
    command = [sys.executable, "-c", PROGRAM, str(path), str(seconds), way]
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def until(there, process):
    while not there.exists() and process.poll() is None:
        time.sleep(0.01)
    assert there.exists()


def killed(process):
    process.send_signal(signal.SIGKILL)
    process.communicate()


def built(path):
    return len(path.with_name("built").read_text())


@pytest.mark.parametrize("way, there", [("half", "half"), ("whole", "built")])
@pytest.mark.fault(KIND, "kill -9 of the builder, while it builds and in the midst of writing")
def test_a_killed_builder_leaves_nothing_and_hangs_nobody(way, there, tmp_path, happened):
    path = tmp_path / "x.npz"
    process = builder(path, 0.0 if way == "half" else 100.0, way)
    until(tmp_path / there, process)
    killed(process)
    assert not path.exists()
    assert cached(path, "a", lambda: {"x": np.arange(3)})["x"].tolist() == [0, 1, 2]
    assert not list(tmp_path.glob(".*")) and cached(path, "a", dict)["x"].tolist() == [0, 1, 2]
    happened("built again at once; its draft is gone")


@pytest.mark.fault(KIND, "four processes want one cache")
def test_one_builds_and_the_others_wait(tmp_path, happened):
    path = tmp_path / "x.npz"
    first = builder(path, 1.5)
    until(tmp_path / "built", first)
    processes = [first, *(builder(path, 1.5) for _ in range(3))]
    answers = [process.communicate() for process in processes]
    assert [out for out, _ in answers] == ["[0, 1, 2, 3, 4]\n"] * 4 and built(path) == 1
    assert not list(tmp_path.glob(".*"))
    happened("built once; all have it")


@pytest.mark.fault(KIND, "the builder that others wait for is killed")
def test_the_next_takes_over_from_a_killed_builder(tmp_path, happened):
    path = tmp_path / "x.npz"
    first = builder(path, 100.0)
    until(tmp_path / "built", first)
    second = builder(path)
    assert second.stderr.readline() == f"waiting for another process that builds {path}\n"
    killed(first)
    assert second.communicate()[0] == "[0, 1, 2, 3, 4]\n" and built(path) == 2
    happened("the one that waited says so, then builds")


@pytest.mark.fault(KIND, "the builder is stopped and does not come to an end")
def test_nobody_waits_for_ever(tmp_path, monkeypatch, happened):
    monkeypatch.setattr(cache, "PATIENCE", 0.3)
    path = tmp_path / "x.npz"
    process = builder(path, 100.0)
    until(tmp_path / "built", process)
    process.send_signal(signal.SIGSTOP)
    assert cached(path, "a", lambda: {"x": np.arange(2)})["x"].tolist() == [0, 1]
    killed(process)
    happened("after a while it is built twice")


@pytest.mark.fault(KIND, "a file system without locks")
def test_without_locks_everybody_builds(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(cache.fcntl, "flock", unsupported)
    assert cached(tmp_path / "x.npz", "a", lambda: {"x": np.arange(2)})["x"].tolist() == [0, 1]
    assert os.listdir(tmp_path) == ["x.npz"]
