"""Many runs in one process leave nothing behind: files, threads, processes, memory."""

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.command_line import ROOT, environment
from tests.support.wandb_records import below

RUNS = """
import sys
from pathlib import Path
from tests.faults.test_leaks import many

many(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
"""
WARM = 3
"""Runs after which everything that is kept once is there."""

MEBIBYTE = 2**20


def many(folder: Path, runs: int, tracker: str) -> None:
    """Prints files, threads, processes and resident bytes after each of many tiny runs."""
    from tests.support.tiny_run import job

    for number in range(runs):
        job(
            folder / str(number),
            f"tracker={tracker}",
            "epochs=1",
            "timesteps=1",
            "dataset.validation=1300",
            "evaluate.images=20",
        )
        gc.collect()
        print("left", *left(), flush=True)


def left() -> tuple[int, int, int, int]:
    """What this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return (
        len(os.listdir("/proc/self/fd")),
        threading.active_count(),
        len(below(os.getpid())),
        pages * os.sysconf("SC_PAGE_SIZE"),
    )


def measured(folder: Path, runs: int, tracker: str) -> list[list[int]]:
    command = [sys.executable, "-c", RUNS, str(folder), str(runs), tracker]
    variables = {**environment(ROOT), "MALLOC_ARENA_MAX": "1"}
    said = subprocess.run(command, env=variables, cwd=folder, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return [
        [int(each) for each in line.split()[1:]]
        for line in said.stdout.splitlines()
        if line.startswith("left ")
    ][WARM:]


@pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="what a process holds is read from /proc"
)
@pytest.mark.fault("soak", "many tiny runs in one process")
@pytest.mark.parametrize(
    "runs, tracker",
    [
        (9, "none"),
        pytest.param(200, "none", marks=pytest.mark.soak),
        pytest.param(20, "wandb", marks=pytest.mark.soak),
    ],
)
@pytest.mark.soak
def test_many_runs_leave_nothing_behind(tmp_path, happened, runs, tracker):
    kept = measured(tmp_path, runs, tracker)
    assert len(kept) == runs - WARM
    for what, counts in zip(
        ("files", "threads", "processes"), list(zip(*kept, strict=True))[:3], strict=True
    ):
        assert len(set(counts)) == 1, f"{what}: {counts}"
    half = len(kept) // 2
    before, after = (
        sorted(each[3] for each in part)[len(part) // 2] for part in (kept[:half], kept[half:])
    )
    grown = (after - before) / half
    assert grown < MEBIBYTE / 4, [each[3] // MEBIBYTE for each in kept]
    happened(
        f"{runs} runs: files, threads and processes flat; memory grows by {grown / 1024:.0f} "
        "kB a run"
    )
