"""A run that is started again in its folder goes on from its last good checkpoint, and ends as if
nothing had happened.
"""

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from snnexp.cli.exits import Stopped
from snnexp.cli.job import attempt
from snnexp.datasets.batches import Batches
from snnexp.runs import status
from snnexp.runs.checkpoint import Checkpoints
from snnexp.track.trackers import Trackers
from snnexp.track.wandb_mirror import Mirror
from tests.support import wandb_records
from tests.support.command_line import environment
from tests.support.forked_runs import Run
from tests.support.marks import soak
from tests.support.tiny_run import NETWORK, STRATEGIES, TINY, attempted, in_folder, job, records

FEW = ["dataset.validation=1037", "evaluate.images=100"]
"""400 images are left to train on."""
LONG = ["epochs=4", *FEW, "selection=best_validation", "optimizer.lr=0.1", "encoder=poisson"]
"""A run whose kept weights need not be the last, whose noise changes from epoch to epoch, and whose
optimizer remembers.
"""
SIGNALLED = [*LONG, "epochs=15"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The folder of a run that nothing has disturbed; each is run once."""
    found: dict[tuple[str, ...], Path] = {}

    def run(*overrides: str) -> Path:
        if overrides not in found:
            found[overrides] = tmp_path_factory.mktemp("straight") / "run"
            job(found[overrides], *overrides)
        return found[overrides]

    return run


def assert_same(folder: Path, expected: Path) -> None:
    for name in ("metrics.jsonl", "weights.safetensors"):
        assert (folder / name).read_bytes() == (expected / name).read_bytes(), name
    result, wanted = (json.loads((each / "result.json").read_text()) for each in (folder, expected))
    for timed in (result, wanted, *result["stages"].values(), *wanted["stages"].values()):
        for key in ("train_seconds", "evaluate_seconds", "peak_memory_bytes"):
            timed.pop(key, None)
    assert result == wanted and status.read(folder)["status"] == "finished"


def kept(folder: Path) -> list[str]:
    """Stage and epoch of each checkpoint."""
    return sorted(path.stem.rpartition("-")[0] for path in (folder / "checkpoints").iterdir())


@pytest.fixture
def interrupted(monkeypatch) -> Any:
    """Runs a job up to the checkpoint of this number, after which nothing more is written."""

    def run(folder: Path, number: int, *overrides: str, error: BaseException | None = None) -> int:
        left = [number]

        def stopping(act: Any) -> Any:
            def acted(*arguments: Any, **more: Any) -> None:
                act(*arguments, **more)
                left[0] -= 1
                if left[0] == 0:
                    raise Stopped(15) if error is None else error

            return acted

        with monkeypatch.context() as patch:
            for name in ("save", "finish"):
                patch.setattr(Checkpoints, name, stopping(getattr(Checkpoints, name)))
            result, raised, code = attempted(folder, *overrides)
        assert (
            result is None
            and raised is not None
            and status.read(folder)["status"] in ("preempted", "failed")
        )
        return code

    return run


# From every place


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["hybrid", soak("conversion")])
def test_a_run_stopped_after_every_single_step_ends_as_one_that_was_not(
    tmp_path, straight, interrupted, strategy
):
    settings = [f"strategy={strategy}", *STRATEGIES[strategy], *FEW]
    places = [
        "pretrain-0001",
        "pretrain-0002",
        "pretrain-finished",
        "convert-finished",
        "finetune-0001",
        "finetune-finished",
    ]
    for place in places if strategy == "hybrid" else places[:4]:
        assert interrupted(tmp_path, 1, *settings) == 143
        assert place in kept(tmp_path)
    assert status.read(tmp_path)["status"] == "preempted"
    job(tmp_path, *settings)
    assert_same(tmp_path, straight(*settings))


FAST = ["optimizer=muon", "scheduler=linear", "dataset.augmentation.flip=alternating"]
FAST += [
    "dataset.augmentation.crop_padding=1",
    "dataset.augmentation.crop_border=reflect",
    "norm.learn_scale=false",
]


@pytest.mark.slow
@pytest.mark.parametrize("number", [soak(1), 3, soak(5)])
def test_what_changes_from_batch_to_batch_goes_on_from_where_it_was(
    tmp_path, straight, interrupted, number
):
    taught = [
        "strategy.stages.finetune.teacher=pretrain",
        "strategy.stages.finetune.average=0.5",
        "strategy.stages.pretrain.average=0.5",
    ]
    settings = ["strategy=hybrid", *STRATEGIES["hybrid"], *FEW, *FAST, *taught]
    assert interrupted(tmp_path, number, *settings) == 143
    job(tmp_path, *settings)
    assert_same(tmp_path, straight(*settings))


@pytest.mark.slow
def test_what_the_selection_rule_keeps_survives(tmp_path, straight, interrupted):
    interrupted(tmp_path, 3, *LONG)
    job(tmp_path, *LONG)
    assert_same(tmp_path, straight(*LONG))


@pytest.mark.slow
def test_weights_drawn_anew_between_epochs_are_the_same(tmp_path, straight, interrupted):
    faint = [
        f"strategy.stages.train.{each}"
        for each in ("redraw=0.9", "form.drive=[2.0,96.0]", "form.deviation=[2.0,55.0]")
    ]
    settings = [
        "+experiment=mnist_s4nn_mlp",
        "dataset=digits",
        *FEW,
        "epochs=3",
        "timesteps=8",
        *faint,
    ]
    interrupted(tmp_path, 2, *settings)
    job(tmp_path, *settings)
    assert_same(tmp_path, straight(*settings))
    redrawn = [each.get("train/redrawn") for each in records(tmp_path)]
    assert (
        redrawn[0] > 0 and redrawn[1] > 0 and redrawn[2] is None
    )  # nothing comes after the last epoch


@pytest.mark.slow
def test_records_past_the_checkpoint_are_written_again(tmp_path, straight, monkeypatch, capsys):
    log = Trackers.epoch

    def epoch(self, record, epochs, seconds=None):
        log(self, record, epochs, seconds)
        if record["epoch"] == 3:
            raise RuntimeError("the machine is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Trackers, "epoch", epoch)
        assert attempted(tmp_path, *LONG)[2] == 1
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 3 and kept(tmp_path) == [
        "train-0001",
        "train-0002",
    ]
    assert (tmp_path / "error.txt").exists()
    job(tmp_path, *LONG)
    assert "resumed after epoch 2 of train" in capsys.readouterr().err
    assert (
        "resumed after epoch 2 of train" in (tmp_path / "train.log").read_text()
        and not (tmp_path / "error.txt").exists()
    )
    assert_same(tmp_path, straight(*LONG))


@pytest.mark.slow
def test_the_time_of_all_attempts_is_counted(tmp_path, interrupted, monkeypatch):
    def seconds(self, name):
        return 1000.0

    interrupted(tmp_path, 1, *FEW)
    monkeypatch.setattr(Checkpoints, "seconds", seconds)
    assert job(tmp_path, *FEW)["train_seconds"] > 1000


# Signals that reach a process


@pytest.fixture(scope="module")
def signalled(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, int, str]]:
    """Folder, exit code and words of runs that a signal has reached in their second epoch or
    later.
    """
    folder, answers = tmp_path_factory.mktemp("signalled"), {}
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        words = ["train", *TINY, *NETWORK, *SIGNALLED, f"hydra.run.dir={folder / number.name}"]
        run = Run(tuple(words), folder)
        checkpoints = folder / number.name / "checkpoints"
        run.until(lambda checkpoints=checkpoints: len([*checkpoints.glob("*.pt")]) >= 2)
        run.send(number)
        answers[number] = (folder / number.name, run.code(), run.said)
    return answers


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_run_that_a_signal_ends_can_be_resumed(signalled, straight, number):
    folder, code, errors = signalled[number]
    told = status.read(folder)["status"]
    if number == signal.SIGKILL:
        assert (told, code) == ("running", -9)
    else:
        assert (told, code) == ("preempted", 128 + number) and "Traceback" not in errors
    job(folder, *SIGNALLED)
    assert_same(folder, straight(*SIGNALLED))


# Damage


def newest(folder: Path, mark: str = "train-0003") -> Path:
    (path,) = (folder / "checkpoints").glob(f"{mark}-*.pt")
    return path


def cut(share: float) -> Any:
    return lambda data: data[: int(share * len(data))]


def flipped(data: bytes) -> bytes:
    place = len(data) // 2
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [soak(cut(0)), soak(cut(0.999)), flipped],
    ids=["empty", "nearly whole", "one bit"],
)
def test_a_damaged_checkpoint_is_left_out_and_the_one_before_is_used(
    tmp_path, straight, interrupted, capsys, damage
):
    interrupted(tmp_path, 3, *LONG)
    path = newest(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    job(tmp_path, *LONG)
    errors = capsys.readouterr().err
    assert (
        f"warning: {path} is damaged: its SHA-256 is not the one in its name; it is left out"
        in errors
        and "resumed after epoch 2 of train" in errors
    )
    assert_same(tmp_path, straight(*LONG))


@pytest.mark.slow
def test_with_nothing_but_damage_a_run_begins_anew(tmp_path, straight, interrupted, capsys):
    interrupted(tmp_path, 3, *LONG)
    for path in (tmp_path / "checkpoints").iterdir():
        path.write_bytes(b"")
    job(tmp_path, *LONG)
    errors = capsys.readouterr().err
    assert errors.count("is damaged") == 2 and "resumed" not in errors
    assert_same(tmp_path, straight(*LONG))


@pytest.mark.slow
def test_damage_to_a_finished_stage_costs_its_evaluation_only(
    tmp_path, straight, interrupted, capsys
):
    settings = ["strategy=hybrid", *STRATEGIES["hybrid"], *FEW]
    interrupted(tmp_path, 5, *settings)
    path = newest(tmp_path, "pretrain-finished")
    path.write_bytes(flipped(path.read_bytes()))
    job(tmp_path, *settings)
    assert "resumed after epoch 2 of pretrain" in capsys.readouterr().err
    assert_same(tmp_path, straight(*settings))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [errno.ENOSPC, None], ids=["full disk", "killed"])
def test_a_checkpoint_that_cannot_be_written_leaves_those_before(
    tmp_path, straight, monkeypatch, capsys, kind
):
    replace, count = os.replace, [0]

    def replacing(source, target):
        count[0] += ".pt" in str(target)
        if count[0] == 3 and ".pt" in str(target):
            if kind is None:
                raise Killed
            raise OSError(kind, os.strerror(kind))
        return replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replacing)
        if kind is None:
            patch.setattr(
                Path, "unlink", lambda self, missing_ok=False: None
            )  # the dead do not tidy up
            with pytest.raises(Killed):
                attempted(tmp_path, *LONG)
        else:
            assert attempted(tmp_path, *LONG)[2] == 4
            assert "No space left on device" in capsys.readouterr().err
    whole = [path for path in (tmp_path / "checkpoints").iterdir() if path.suffix == ".pt"]
    assert sorted(path.name[:10] for path in whole) == ["train-0001", "train-0002"]
    if kind is None:
        (tmp_path / "status.json").write_text(
            json.dumps({**status.read(tmp_path), "status": "running", "pid": 2**22 + 1})
        )
        assert list((tmp_path / "checkpoints").glob(".*.draft"))
    job(tmp_path, *LONG)
    assert not list((tmp_path / "checkpoints").glob(".*"))
    assert_same(tmp_path, straight(*LONG))


class Killed(BaseException):
    """As when a process is gone at once."""


# Whose folder it is


@pytest.mark.slow
@pytest.mark.parametrize("change", ["epochs=5", soak("seed=2"), soak("neuron.leak=0.25")])
def test_another_configuration_is_refused_and_changes_nothing(
    tmp_path, interrupted, capsys, change
):
    interrupted(tmp_path, 2, *LONG)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    capsys.readouterr()
    _, _, code = attempted(tmp_path, *LONG, change)
    errors = capsys.readouterr().err
    assert (
        code == 2
        and "unfinished run of another configuration" in errors
        and "hydra.run.dir=PATH" in errors
    )
    assert change.split("=")[0] in errors and "Traceback" not in errors
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_what_changes_no_result_may_change(tmp_path, straight, interrupted):
    interrupted(tmp_path, 2, *LONG)
    job(
        tmp_path,
        *LONG,
        "progress=auto",
        "checkpoint.every=3",
        "reference={rows: [], accuracy: null, timesteps: null}",
    )
    assert (tmp_path / "metrics.jsonl").read_bytes() == (
        straight(*LONG) / "metrics.jsonl"
    ).read_bytes()


@pytest.mark.slow
def test_a_finished_run_is_not_run_again(tmp_path, capsys):
    job(tmp_path, *FEW)
    before = (tmp_path / "result.json").read_bytes()
    result, error, code = attempted(tmp_path, *FEW)
    assert (result, error, code) == (json.loads(before), None, 0)
    assert "holds this run, finished: its result is taken" in capsys.readouterr().err
    assert attempted(tmp_path, *FEW, "seed=2")[2] == 2
    told = capsys.readouterr().err
    assert (
        "holds a finished run of another configuration" in told and "seed: 1 there, 2 here" in told
    )
    assert (tmp_path / "result.json").read_bytes() == before


@pytest.mark.slow
def test_a_sweep_started_again_takes_the_results_of_its_finished_jobs(tmp_path, capsys):
    def repeated(*changes: str) -> tuple[dict[str, Any] | None, BaseException | None, int]:
        config = in_folder(tmp_path, *TINY, *NETWORK, *FEW, *changes)
        return attempt(config, {}, tmp_path / "0_s1", ["seed=1"])

    first = repeated()
    before = (tmp_path / "0_s1" / "metrics.jsonl").stat().st_mtime_ns
    assert first[2] == 0 and repeated() == first
    assert "holds this run, finished: its result is taken" in capsys.readouterr().err
    assert repeated("seed=2")[2] == 2 and "holds a finished run" in capsys.readouterr().err
    assert (tmp_path / "0_s1" / "metrics.jsonl").stat().st_mtime_ns == before


# What is kept


@pytest.mark.slow
def test_the_last_two_epochs_are_kept_and_at_the_end_the_last(tmp_path, interrupted):
    interrupted(tmp_path, 4, *LONG)
    assert kept(tmp_path) == ["train-0003", "train-0004"]
    job(tmp_path, *LONG)
    assert kept(tmp_path) == ["train-0004"]


@pytest.mark.slow
@pytest.mark.parametrize(("every", "found"), [(3, ["train-0003", "train-0004"]), ("null", [])])
def test_checkpoints_come_as_often_as_they_are_wanted(
    tmp_path, straight, interrupted, every, found
):
    settings = [*LONG, f"checkpoint.every={every}"]
    interrupted(tmp_path, 4, *settings)
    assert (kept(tmp_path) if found else []) == found and (
        tmp_path / "checkpoints"
    ).exists() == bool(found)
    job(tmp_path, *settings)
    assert_same(tmp_path, straight(*LONG))


@pytest.mark.slow
@pytest.mark.parametrize("every", ["0", "1.5", "often"])
def test_how_often_is_checked(tmp_path, capsys, every):
    assert attempted(tmp_path / "run", f"checkpoint.every={every}")[2] == 2
    assert "checkpoint.every: expected a whole number >= 1 or null" in capsys.readouterr().err


# What others are told

ATTEMPT = """
import os, sys
from pathlib import Path
from tests.support.fake_run import EPOCH, stage, trackers, wandb_tracker

folder, killed = Path(sys.argv[1]), len(sys.argv) > 2
kept = "" if killed else (folder / "metrics.jsonl").read_text().splitlines(keepends=True)[0]
with trackers(folder, wandb_tracker("offline", 5.0, 5.0), records=kept) as run:
    for number in (1, 2) if killed else (2,):
        run.epoch({**EPOCH, "epoch": number}, 2)
    if killed:
        os._exit(1)
    run.stage(stage(stage="pretrain", epochs=2))
"""


@pytest.mark.slow
def test_a_resumed_run_is_one_run_for_wandb(tmp_path):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    ids = set()
    for words in (["killed"], []):  # at once: the first may still be at its record
        command = [sys.executable, "-c", ATTEMPT, str(run_dir), *words]
        told = subprocess.run(
            command,
            cwd=tmp_path,
            env={**environment(), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert told.returncode == len(words) and "warning" not in told.stderr, told.stderr
        ids.add((run_dir / "wandb" / "id").read_text())
    record = wandb_records.kept(run_dir)  # the one that there is
    assert len(record["history"]) == 3 and ids == {record["run"][0]["run_id"]}


@pytest.mark.slow
def test_a_tracker_that_comes_too_late_keeps_no_record(tmp_path):
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "attempt").write_text("the second")
    mirror = Mirror()
    with pytest.raises(RuntimeError, match="another attempt at this run has begun since"):
        mirror.start(
            *(str(tmp_path), {"finish_timeout": 1.0}, "the first", ["train"], False),
            id="abcd1234",
            mode="offline",
            name="a run",
        )
    mirror.leave()
    assert mirror.run is None and not list(tmp_path.glob("wandb/*run-*"))


# Several trainings


@pytest.mark.slow
def test_no_stage_repeats_the_epochs_of_another(tmp_path, monkeypatch):
    epochs, epoch = [], Batches.epoch

    def watched(self, number, shuffle, first=0):
        if shuffle:
            epochs.append(number)
        return epoch(self, number, shuffle, first)

    monkeypatch.setattr(Batches, "epoch", watched)
    job(tmp_path, "strategy=hybrid", *STRATEGIES["hybrid"], *FEW)
    assert epochs == [1, 2, 3]


def test_of_two_trainings_under_one_name_the_second_begins_anew(tmp_path):
    layer = torch.nn.Linear(1, 1)
    first = Checkpoints(tmp_path, 1, ["both"])
    for value in (1.0, 2.0):
        torch.nn.init.constant_(layer.weight, value)
        assert first.resume("both", {"layer": layer}).epochs == 0
        first.save("both", 1, 1, {"layer": layer}, metrics="{}\n", seconds=0.0)
    again = Checkpoints(tmp_path, 1, ["both"])
    assert again.resume("both", {"layer": layer}).epochs == 1 and layer.weight.item() == 1.0
    assert again.resume("both", {"layer": layer}).epochs == 0
