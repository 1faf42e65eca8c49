"""Two processes on one machine, as `torchrun` starts them, train what one process trains."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import Mock

import pytest
import torch
from omegaconf import OmegaConf

from snnexp.cli import job as cli_job
from snnexp.cli.job import attempt
from snnexp.errors import NumericalError
from snnexp.measure import tally as counts
from snnexp.measure.tally import Layer, Tally
from tests.support.command_line import environment, hearing
from tests.support.tiny_run import job

pytestmark = pytest.mark.slow

GENERAL = [
    *(
        "tracker=none",
        "device=cpu",
        "progress=plain",
        "epochs=2",
        "timesteps=3",
        "batch_size=99",
        "optimizer.lr=0.01",
        "norm=batch",
    ),
    *("evaluate.batch_size=358", "encoder=poisson"),
]
SETTINGS = [*GENERAL, "architecture=mlp", "architecture.widths=[24]"]
"""359 test images in batches of 358: the second process sees nothing of the last."""

BROKEN = '''
import os

from snnexp.losses.cross_entropy import CrossEntropy


class Broken(CrossEntropy):
    """Not finite in process 1 from batch 2 of epoch 2 on, while a file says so."""

    batches = 0

    def forward(self, reading, labels):
        loss = super().forward(reading, labels)
        if not loss.requires_grad or not os.path.exists(os.environ["BREAK"]):
            return loss
        Broken.batches += 1
        return loss * float("nan") if os.environ["RANK"] == "1" and Broken.batches > 16 else loss
'''


class Trained(NamedTuple):
    """What `torchrun` left."""

    code: int
    errors: str


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def torchrun(
    folder: Path,
    *words: str,
    search: tuple[Path, ...] = (),
    settings: list[str] = SETTINGS,
    **variables: str,
) -> Trained:
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "snnexp",
        "train",
    ]
    told = subprocess.run(
        [*command, *settings, *words],
        cwd=folder,
        env={**environment(*search), **variables},
        capture_output=True,
        text=True,
        timeout=600,
    )
    return Trained(told.returncode, told.stderr)


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of a run of two processes, which is in `run`."""
    folder = tmp_path_factory.mktemp("two")
    told = torchrun(folder, "hydra.run.dir=run")
    assert told.code == 0, told.errors
    return folder


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same run in this process alone."""
    folder = tmp_path_factory.mktemp("one") / "run"
    job(folder, *SETTINGS)
    return folder


def assert_same_curve(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert len(found) == len(expected) == 3
    for record_, wanted in zip(found, expected, strict=True):
        assert record_.keys() == wanted.keys()
        for key in ("train/loss", "test/loss"):
            if key in wanted:
                assert record_[key] == pytest.approx(wanted[key], rel=1e-4)
        for key in ("train/accuracy", "test/accuracy"):
            if key in wanted:
                assert record_[key] == pytest.approx(wanted[key], abs=0.3)


def test_two_processes_give_the_curve_of_one(two, one):
    assert_same_curve(metrics(two / "run"), metrics(one))
    losses = [each["train/loss"] for each in metrics(one) if "train/loss" in each]
    assert losses[1] < 0.8 * losses[0]  # there is a curve to compare


@pytest.mark.soak
def test_so_they_do_with_convolutions_in_lean_segments(tmp_path):
    words = [
        *GENERAL,
        "architecture=cnn",
        "architecture.layers=[8C3,AP2,8C3,AP2]",
        "memory=lean",
        "time_segments=2",
    ]
    words += [
        "timesteps=4",
        "epochs=1",
        "optimizer.lr=5e-4",
    ]  # small, so that a rounding, and the spike it moves, does not grow
    told = torchrun(tmp_path, *words, "hydra.run.dir=two", settings=[])
    assert told.code == 0, told.errors
    job(tmp_path / "one", *words)
    (found, *_), (wanted, *_) = metrics(tmp_path / "two"), metrics(tmp_path / "one")
    assert found["train/loss"] == pytest.approx(wanted["train/loss"], rel=1e-4)
    assert found["test/loss"] == pytest.approx(wanted["test/loss"], rel=1e-3)


@pytest.mark.soak
def test_so_they_do_with_frames_of_events(tmp_path):
    """Random frames, and changed ones, are those of the sample, whoever sees it."""
    words = [each for each in GENERAL if each != "encoder=poisson"]
    words += ["dataset=digits_dvs", "encoder=frames", "architecture=mlp"]
    words += ["architecture.widths=[24]", "epochs=1", "evaluate.timesteps=5", "encoder.drawn=3"]
    words += [f"dataset.augmentation.{each}" for each in ("shift=1", "rotation=20.0", "cutout=3")]
    told = torchrun(tmp_path, *words, "hydra.run.dir=two", settings=[])
    assert told.code == 0, told.errors
    job(tmp_path / "one", *words)
    (found, *_), (wanted, *_) = metrics(tmp_path / "two"), metrics(tmp_path / "one")
    assert found["train/loss"] == pytest.approx(wanted["train/loss"], rel=1e-4)
    assert found["test/loss"] == pytest.approx(wanted["test/loss"], rel=1e-3)
    two, one = (
        json.loads((tmp_path / name / "result.json").read_text())["operations"]
        for name in ("two", "one")
    )
    assert two["mac_clocked"] == one["mac_clocked"]
    assert two["ac_clocked"] == pytest.approx(one["ac_clocked"], rel=0.02)


def test_every_image_is_counted_once(two, one):
    found, wanted = (
        json.loads((folder / "result.json").read_text()) for folder in (two / "run", one)
    )
    assert found["test_images"] == wanted["test_images"] == 359
    assert found["processes"] == 2 and wanted["processes"] == 1
    assert round(found["accuracy"] * 359 / 100, 6).is_integer()
    for key in ("mac", "mac_ann"):
        assert found["operations"][key] == wanted["operations"][key]
    assert found["operations"]["ac"] == pytest.approx(wanted["operations"]["ac"], rel=0.02)
    assert found["spikes_by_layer"].keys() == wanted["spikes_by_layer"].keys()


def test_one_process_writes(two):
    lines = metrics(two / "run")
    assert [each["epoch"] for each in lines] == [1, 2, 2]
    assert (two / "run" / "train.log").read_text().count("epoch 1/2") == 1
    assert [path.name for path in two.iterdir()] == ["run"]
    assert (two / "run" / "checkpoints").is_dir()


# Processes that do not fare alike


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("plugin")
    (root / "snnexp" / "losses").mkdir(parents=True)
    (root / "snnexp" / "losses" / "broken.py").write_text(BROKEN)
    (root / "conf" / "loss").mkdir(parents=True)
    (root / "conf" / "loss" / "broken.yaml").write_text(
        "# A loss that breaks\n_target_: snnexp.losses.broken.Broken\nlabel_smoothing: 0.0\n"
    )
    return root


@pytest.mark.soak
def test_a_loss_that_is_not_finite_in_one_process_stops_all_and_the_run_can_be_resumed(
    plugin, tmp_path, one
):
    words = [f"hydra.searchpath=[file://{plugin}/conf]", "loss=broken", "hydra.run.dir=run"]
    mark = tmp_path / "break"
    mark.touch()
    told = torchrun(tmp_path, *words, search=(plugin,), BREAK=str(mark))
    facts = json.loads((tmp_path / "run" / "status.json").read_text())
    assert told.code != 0 and (facts["status"], facts["exit_code"]) == ("failed", 5)
    assert "epoch 2, batch 2" in facts["error"] and len(metrics(tmp_path / "run")) == 1
    mark.unlink()
    told = torchrun(tmp_path, *words, search=(plugin,), BREAK=str(mark))
    assert told.code == 0 and told.errors.count("resumed after epoch 1 of train") == 1, told.errors
    assert_same_curve(metrics(tmp_path / "run"), metrics(one))


@pytest.mark.parametrize(
    "error, said",
    [
        (RuntimeError("full"), "snnexp: process 1: RuntimeError: full\n"),
        (NumericalError("nan"), ""),
    ],
)
def test_what_ends_one_process_alone_is_said_by_it(error, said, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(cli_job, "checked", Mock(side_effect=error))
    assert attempt(OmegaConf.create(), {}, tmp_path)[1] is error
    assert capsys.readouterr().err == said


def test_counts_of_a_process_that_saw_nothing(monkeypatch):
    def counted() -> Tally:
        return Tally(
            {"a": Layer(4, torch.tensor(3)), "b": Layer(2, torch.tensor(5))},
            2,
            10,
            torch.tensor(7.0),
            20,
            30,
            torch.tensor(2.0),
        )

    layers = {"a": (4, 1, 3, 0), "b": (2, 1, 5, 0)}
    others = [(10, 7.0, 20, 30, 2.0, layers), (0, 0.0, 0, 0, 0.0, {})]
    monkeypatch.setattr(counts, "gathered", lambda own: [own, *others])
    for tally, factor in ((counted(), 2), (Tally(images=2), 1)):
        tally.gather()
        assert (tally.mac, tally.ac, tally.mac_ann) == (10 * factor, 7.0 * factor, 20 * factor)
        assert (tally.frames_mac, tally.frames_ac) == (30 * factor, 2.0 * factor)
        assert tally.layers == {"a": Layer(4, 3 * factor), "b": Layer(2, 5 * factor)}


# Processes that are asked to stop


@pytest.mark.soak
def test_processes_stop_at_one_batch_and_go_on_from_it(tmp_path, two):
    """A signal to torchrun reaches all processes; one to a single process stops the others, too. A
    finished run is not run again.
    """
    often = ["hydra.run.dir=run", "checkpoint.minutes=0.00001"]
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "snnexp",
        "train",
    ]
    for number in (signal.SIGTERM, None):
        pipes = {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.PIPE,
            "text": True,
            "preexec_fn": hearing,
        }
        with subprocess.Popen(
            [*command, *SETTINGS, *often], cwd=tmp_path, env=environment(), **pipes
        ) as process:
            before = kept(tmp_path)
            while kept(tmp_path) == before and process.poll() is None:
                time.sleep(0.01)
            if number is None:
                os.kill(second(process.pid), signal.SIGTERM)
            else:
                process.send_signal(number)
            errors = process.communicate()[1]
        facts = json.loads((tmp_path / "run" / "status.json").read_text())
        assert (facts["status"], facts["exit_code"]) == ("preempted", 143), errors
        assert "batch" in kept(tmp_path)[-1] and "process 1: " not in errors
    told = torchrun(tmp_path, "hydra.run.dir=run")
    assert told.code == 0 and "resumed after batch" in told.errors, told.errors
    for name in ("metrics.jsonl", "weights.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (two / "run" / name).read_bytes(), name
    told = torchrun(tmp_path, "hydra.run.dir=run")
    assert told.code == 0 and "holds this run, finished" in told.errors


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "run" / "checkpoints").glob("*.pt"))


def second(launcher: int) -> int:
    """The process of rank 1 among those that a launcher has started."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    return next(
        int(each)
        for each in children
        if b"\0RANK=1\0" in b"\0" + Path(f"/proc/{each}/environ").read_bytes()
    )
