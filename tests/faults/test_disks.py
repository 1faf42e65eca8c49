"""Disks that are full, folders that cannot be written, drafts of the dead, weights that have
changed.
"""

import errno
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snnexp.cli import streams
from snnexp.cli.codes import NO_ROOM
from snnexp.cli.exits import exit_code
from snnexp.cli.usable import FILES
from snnexp.datasets import published
from snnexp.files import atomic
from snnexp.files.disk import FULL, NoRoom
from snnexp.runs import weights
from snnexp.runs.status import Status
from snnexp.track.wandb_names import known_id
from tests.support.command_line import TINY, environment, hearing
from tests.support.forked_runs import Forks, assert_same, facts, kept
from tests.support.tiny_run import attempted, job
from tests.support.tiny_run import attempted as attempt_here

FEW = ["epochs=2", "dataset.validation=1337", "evaluate.images=40", "architecture.widths=[256]"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, of 64 kB to begin with."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
        ).returncode
        == 0
    )
    if not mounted:
        pytest.skip("needs root to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def set_to(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


@pytest.fixture(scope="module")
def straight_here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("straight") / "run"
    job(folder, *FEW)
    return folder


@pytest.mark.fault(
    "6: full disk",
    "a small disk is full at the first file, at the records, at a checkpoint, at the weights",
)
def test_a_full_disk_is_named_and_costs_nothing(
    disk: Path, straight_here: Path, capsys: Any, happened: Any
):
    codes = []
    for size in (8, 16, 100, 250, 400, 550):
        set_to(disk, f"size={size}k")
        codes.append(attempted(disk / "run", *FEW)[2])
        told = capsys.readouterr().err
        if codes[-1] == 0:
            break
        assert (
            codes[-1] == 4
            and f"{disk}/run/" in told
            and " needs " in told
            and " bytes, " in told
            and "are free" in told
        ), told
        found = (
            facts(disk / "run") if (disk / "run" / "status.json").exists() else {"status": "failed"}
        )
        assert found["status"] == "failed" and not [*disk.rglob("*.draft")]
    set_to(disk, "size=60m")
    if codes[-1]:
        job(disk / "run", *FEW)
    assert_same(disk / "run", straight_here)
    assert codes.count(4) >= 4
    happened(
        f"exit 4 {codes.count(4)} times: path and bytes are named, status failed, no draft "
        "left; with room it goes on to the same bytes"
    )


@pytest.mark.fault(
    "6: full disk",
    (
        "every file of a run in turn has no room (the system call answers so; the small disk "
        "above is real)"
    ),
)
@pytest.mark.parametrize(
    "name",
    [
        "status.json",
        "config.yaml",
        "metrics.jsonl",
        "train.log",
        ".pt",
        "weights.safetensors",
        "result.json",
    ],
)
def test_every_file_that_has_no_room_is_named(
    name: str, straight_here: Path, tmp_path: Path, monkeypatch: Any, capsys: Any, happened: Any
):
    real = Path.open

    def opening(self: Path, mode: str = "r", *arguments: Any, **more: Any) -> Any:
        if name in self.name and mode[0] in "wax":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, mode, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opening)
        assert attempted(tmp_path / "run", *FEW)[2] == 4
    told = capsys.readouterr().err
    assert name in told and " needs " in told and "Traceback" not in told
    if name != "status.json":
        assert facts(tmp_path / "run")["exit_code"] == 4
    job(tmp_path / "run", *FEW)
    assert_same(tmp_path / "run", straight_here)
    happened("exit 4, the file and its bytes are named, the status is true; later the run goes on")


@pytest.mark.fault("6: full disk", "files may have 8 kB and no more (ulimit -f 8)")
def test_files_that_may_not_be_so_long_are_named(tmp_path: Path, happened: Any):
    def limited() -> None:
        hearing()
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**13, 2**13))

    command = [
        sys.executable,
        "-B",
        "-m",
        "snnexp",
        "train",
        *TINY,
        "hydra.run.dir=run",
    ]  # -B: or Python cuts off its own files, unsaid
    told = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment(),
        preexec_fn=limited,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert told.returncode == 4 and "Traceback" not in told.stderr, told.stderr
    assert (
        f"File too large: {tmp_path}/run/checkpoints/train-0001-" in told.stderr
        and "allow longer files (ulimit -f)" in told.stderr
    )
    assert facts(tmp_path / "run")["exit_code"] == 4 and not [*tmp_path.rglob("*.draft")]
    assert re.search(r"\.pt needs \d+ bytes, \d+ are free", told.stderr)
    happened("exit 4, the file, its bytes and the remedy are named, no draft left")


def test_what_has_no_room_is_said_in_one_place():
    assert FULL == (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    for number in FULL:
        error = OSError(number, os.strerror(number))
        assert exit_code(error) == NO_ROOM and number in streams.TAKES_NO_MORE
        with pytest.raises(OSError):
            published.let_full_disks_pass(error)


def test_a_status_is_written_over_where_there_is_no_room_for_another(
    tmp_path: Path, monkeypatch: Any
):
    status = Status(tmp_path)
    status.start()

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    status.fail(NoRoom(errno.ENOSPC, tmp_path / "weights", 12), 4)
    assert (
        facts(tmp_path)["status"] == "failed"
        and "weights needs 12 bytes" in facts(tmp_path)["error"]
    )
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


@pytest.mark.fault(
    "7: folder that cannot be written", "a disk that is read only, and data that are missing"
)
def test_a_read_only_disk_is_a_matter_of_configuration(
    disk: Path, tmp_path: Path, capsys: Any, happened: Any
):
    (disk / "run").mkdir()
    set_to(disk, "ro")
    before = sorted(path for path in tmp_path.rglob("*"))
    assert attempted(disk / "run", "dataset=mnist", "data_dir=nowhere", "encoder=poisson")[2] == 2
    told = capsys.readouterr().err
    assert (
        f"{disk}/run cannot be used" in told
        and "hydra.run.dir=PATH" in told
        and "Traceback" not in told
    )
    assert sorted(path for path in tmp_path.rglob("*")) == before
    happened("exit 2 before data are read, nothing written elsewhere")


@pytest.mark.fault(
    "7: folder that cannot be written",
    "a file in its place; a folder, a broken link, a pipe, a device in that of one in it",
)
@pytest.mark.parametrize("name", [*FILES, "checkpoints", "wandb"])
def test_what_is_in_the_place_of_a_file_is_named(
    name: str, tmp_path: Path, capsys: Any, happened: Any
):
    is_folder = name in ("checkpoints", "wandb")
    for kind in ("other", "link", "pipe", "linked pipe", "device"):
        run = tmp_path / kind
        (run / name).parent.mkdir(parents=True)
        if kind in ("link", "device"):
            (run / name).symlink_to(tmp_path / "nowhere" if kind == "link" else "/dev/zero")
        elif kind == "linked pipe":
            (run / name).symlink_to(tmp_path / "pipe" / name)
        elif kind == "pipe":
            os.mkfifo(run / name)
        elif is_folder:
            (run / name).write_text("")
        else:
            (run / name).mkdir()
        assert attempt_here(run, "dataset=mnist", "data_dir=nowhere", "encoder=poisson")[2] == 2
        told = capsys.readouterr().err
        assert str(run / name) in told and "is in its place" in told and "Traceback" not in told
        assert [
            path.relative_to(run).as_posix()
            for path in run.rglob("*")
            if path.name != "wandb" or is_folder
        ] == [name]
    happened("exit 2, named, nothing changed")


@pytest.mark.parametrize("kind", ["pipe", "device", "long", "id"])
def test_the_id_of_a_run_is_read_from_a_small_file(kind: str, tmp_path: Path):
    path = tmp_path / "id"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.write_text("a" * (10**6 if kind == "long" else 8))
    assert known_id(tmp_path) == ("a" * 8 if kind == "id" else None)


@pytest.mark.fault(
    "7: folder that cannot be written", "hydra.run.dir is a file, below a file, a broken link"
)
def test_a_folder_that_cannot_be_made(forks: Forks, tmp_path: Path, happened: Any):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "at" / "all")
    for place in ("file", "file/below", "link"):
        code, said = forks.ended(tmp_path, "train", "tracker=none", f"hydra.run.dir={place}")
        assert (
            code == 2 and place in said and "hydra.run.dir=PATH" in said and "Traceback" not in said
        ), said
    code, said = forks.ended(
        tmp_path, "train", "-m", "tracker=none", "seed=1,2", "hydra.sweep.dir=file"
    )
    assert code == 2 and "file" in said and "Traceback" not in said, said
    happened("exit 2 in words")


@pytest.mark.fault("8: two runs with one folder", "a second run, and one after the first is killed")
def test_a_folder_has_one_run_at_a_time(
    forks: Forks, straight: Path, tmp_path: Path, happened: Any
):
    first = forks.train(tmp_path)
    first.until(lambda: (tmp_path / "run" / "config.yaml").exists())
    first.send(signal.SIGSTOP)  # it lives, and stays where it is
    second = forks.train(tmp_path)
    assert (
        second.code() == 2
        and f"process {first.number} on " in second.said
        and "Traceback" not in second.said
    )
    first.send(signal.SIGKILL)
    first.code()
    assert forks.train(tmp_path).code() == 0
    assert_same(tmp_path / "run", straight)
    happened("exit 2 with process and host; that of the dead is taken over")


@pytest.mark.fault("9: runs in one second", "eight stamps at one time of the clock")
@pytest.mark.soak
def test_eight_runs_of_one_second_have_eight_folders(forks: Forks, tmp_path: Path, happened: Any):
    runs = [
        forks.start(
            tmp_path, "train", "tracker=none", "epochs=0", "evaluate.images=10", "architecture=mlp"
        )
        for _ in range(8)
    ]
    assert [run.code() for run in runs] == [0] * 8, [run.said for run in runs]
    assert len([*(tmp_path / "outputs" / "train").iterdir()]) == 8
    happened("eight folders")


@pytest.mark.fault(
    "B: drafts of the dead",
    "drafts that killed writers have left, among them one of a status, and one of a living process",
)
def test_drafts_of_the_dead_are_taken_away(tmp_path: Path, happened: Any):
    (tmp_path / "checkpoints").mkdir()
    dead = [
        f".status.json.{2**22 + 5}.abcdef.draft",
        f".status.{2**22 + 5}.abcdef",
        ".config.yaml.99.ab.draft",
        "checkpoints/.x.pt.7.ab.draft",
    ]
    living = f".status.json.{os.getppid()}.abcdef.draft"
    for name in (*dead, living):
        (tmp_path / name).write_text("{")
    job(tmp_path, *FEW[1:], "epochs=1")
    assert [path.name for path in tmp_path.rglob(".*")] == [living]
    happened("gone; that of the living stays")


def test_folders_are_written_to_the_disk_after_a_rename(tmp_path: Path, monkeypatch: Any):
    done: list[str] = []
    replace, sync = os.replace, os.fsync
    monkeypatch.setattr(os, "replace", lambda *names: (done.append("rename"), replace(*names)))
    monkeypatch.setattr(
        os,
        "fsync",
        lambda file: (
            done.append("folder" if os.path.isdir(f"/proc/self/fd/{file}") else "file"),
            sync(file),
        ),
    )
    atomic.write_text(tmp_path / "new" / "deep" / "file", "text")
    assert done == [
        "folder",
        "folder",
        "file",
        "rename",
        "folder",
    ]  # both new folders are kept by those above them


# Weights


@pytest.fixture(scope="module")
def analog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("analog") / "run"
    job(folder, *FEW[1:], "epochs=1", "strategy=ann")
    return folder


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


@pytest.mark.fault(
    "4: one bit flipped",
    "in weights.safetensors, before `evaluate` and before a run that starts from it",
)
def test_weights_that_have_changed_are_not_used(
    analog: Path, forks: Forks, tmp_path: Path, capsys: Any, happened: Any
):
    run = shutil.copytree(analog, tmp_path / "run")
    assert forks.ended(tmp_path, "evaluate", "run")[0] == 0
    flipped(run / "weights.safetensors")
    code, said = forks.ended(tmp_path, "evaluate", "run")
    assert (
        code == 3
        and "weights.safetensors: is damaged" in said
        and "SHA-256" in said
        and "Traceback" not in said
    ), said
    start = [*FEW[1:], "strategy=ann", f"strategy.stages.train.start={run}", "epochs=0"]
    assert attempted(tmp_path / "new", *start)[2] == 3 and "is damaged" in capsys.readouterr().err
    happened("exit 3, both hashes are named, no tensor is used")


UNTOLD = "weights.safetensors: result.json beside it has no weights_sha256"


@pytest.mark.fault(
    "4: one bit flipped",
    "and the hash taken out of result.json, as in results from before there was one",
)
def test_weights_without_a_sum_are_read_and_that_is_said(
    analog: Path, forks: Forks, tmp_path: Path, capsys: Any, happened: Any
):
    run = shutil.copytree(analog, tmp_path / "run")
    assert UNTOLD not in forks.ended(tmp_path, "evaluate", "run")[1]
    result = json.loads((run / "result.json").read_text())
    del result["weights_sha256"]
    (run / "result.json").write_text(json.dumps(result))
    flipped(run / "weights.safetensors")
    code, said = forks.ended(
        tmp_path, "evaluate", "run", "evaluate.images=20", "evaluate.batch_size=10"
    )
    assert code == 0 and said.count(UNTOLD) == 1, said
    assert kept(run)
    start = [*FEW[1:], "strategy=ann", f"strategy.stages.train.start={run}", "epochs=0"]
    assert attempted(tmp_path / "new", *start)[2] == 0
    assert capsys.readouterr().err.count(UNTOLD) == 1
    (run / "result.json").unlink()
    weights.warn_unverified.cache_clear()
    assert attempted(tmp_path / "again", *start)[2] == 0 and UNTOLD not in capsys.readouterr().err
    happened("exit 0 and a line that it cannot be told; none of a run that has no result yet")


@pytest.mark.fault(
    "7: folder that cannot be written", "evaluate of a run on a disk that is read only"
)
def test_evaluate_says_first_that_it_cannot_keep_its_result(
    analog: Path, disk: Path, forks: Forks, tmp_path: Path, happened: Any
):
    set_to(disk, "size=60m")
    shutil.copytree(analog, disk / "run")
    set_to(disk, "ro")
    code, said = forks.ended(tmp_path, "evaluate", str(disk / "run"), "dataset.source=nowhere")
    assert code == 2 and "cannot be used" in said and "Traceback" not in said, said
    happened("exit 2")
