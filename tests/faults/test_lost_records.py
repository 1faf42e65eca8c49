"""What an unfinished run goes on from: records and configuration are in its checkpoints; what
cannot be told is refused in words.
"""

import hashlib
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests.support.forked_runs import Forks, assert_same, facts, kept, lines
from tests.support.tiny_run import STRATEGIES, attempted, job

FEW = ["epochs=3", "dataset.validation=1337", "evaluate.images=40", "encoder=poisson"]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of a run that was stopped after its second epoch, and that of the same run
    undisturbed.
    """
    folder = tmp_path_factory.mktemp("begun")
    job(folder / "straight", *FEW)
    from snnexp.track.trackers import Trackers

    epoch = Trackers.epoch

    def stopping(self, record, epochs, seconds=None):
        epoch(self, record, epochs, seconds)
        if record["epoch"] == 3:
            raise RuntimeError("the machine is gone")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trackers, "epoch", stopping)
        assert attempted(folder / "run", *FEW)[2] == 1
    return folder / "run", folder / "straight"


@pytest.fixture
def run(begun: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the run that was stopped."""
    return Path(shutil.copytree(begun[0], tmp_path / "run"))


def damaged_line(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"epoch": 1', b'"epoch":\x00"', 1))


METRICS: dict[str, Callable[[Path], Any]] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_text(""),
    "a damaged line": damaged_line,
    "half of it": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 3]),
    "not text": lambda path: path.write_bytes(b"\xff\xfe\n" * 5),
    "somebody else's": lambda path: path.write_text('{"epoch": 1}\n' * 9),
}


@pytest.mark.fault("B: resume", "metrics.jsonl gone or damaged")
@pytest.mark.parametrize("damage", METRICS)
def test_records_come_back_from_the_checkpoint(
    damage: str, run: Path, begun: tuple, capsys: Any, happened: Any
):
    METRICS[damage](run / "metrics.jsonl")
    job(run, *FEW)
    assert (
        "metrics.jsonl was gone or damaged; it is restored from the checkpoint"
        in capsys.readouterr().err
    )
    assert_same(run, begun[1])
    happened(f"{damage}: restored, and said so; the same bytes in the end")


CONFIG: dict[str, Callable[[Path], Any]] = {
    "gone": lambda run: (run / "config.yaml").unlink(),
    "damaged": lambda run: (run / "config.yaml").write_text("a: ["),
    "empty": lambda run: (run / "config.yaml").write_text(""),
    "not text": lambda run: (run / "config.yaml").write_bytes(b"\xff\x00"),
    "made to fit": lambda run: edited(run / "config.yaml", "seed", 7),
    "status gone": lambda run: [(run / name).unlink() for name in ("config.yaml", "status.json")],
}


def edited(path: Path, key: str, value: Any) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), key: value}))


@pytest.mark.fault("B: resume", "config.yaml gone or damaged, and another configuration")
@pytest.mark.parametrize("damage", CONFIG)
def test_the_configuration_in_the_checkpoint_decides(
    damage: str, run: Path, begun: tuple, capsys: Any, happened: Any
):
    CONFIG[damage](run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert attempted(run, *FEW, "seed=7", "neuron.leak=0.9")[2] == 2
    told = capsys.readouterr().err
    assert "seed: 1 there, 7 here" in told and "neuron.leak" in told and "Traceback" not in told
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    job(run, *FEW)
    assert_same(run, begun[1])
    happened(
        "exit 2, the keys that differ are named; the run's own configuration goes on to the "
        "same bytes"
    )


@pytest.mark.fault("25: resume with a changed configuration", "stages of other names")
def test_other_stages_are_another_configuration(run: Path, capsys: Any, happened: Any):
    assert attempted(run, *FEW, "strategy=ann")[2] == 2
    assert "strategy.stages.train" in capsys.readouterr().err
    happened("exit 2, the stages are named")


def rewritten(run: Path, change: Callable[[dict], None]) -> None:
    """Changes what the checkpoints keep, under names that fit."""
    for path in (run / "checkpoints").iterdir():
        state = torch.load(path, weights_only=True)
        path.unlink()
        change(state)
        torch.save(state, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        path.rename(path.with_name(f"{path.name.rpartition('-')[0]}-{digest}.pt"))


def of_old(state: dict[str, Any]) -> None:
    state["records"] = state.pop("metrics").count("\n")
    del state["schema"], state["config"]


@pytest.mark.fault(
    "25: resume, older code", "checkpoints from before they kept records and configuration"
)
def test_older_checkpoints_go_on(run: Path, begun: tuple, happened: Any):
    rewritten(run, of_old)
    stored = yaml.safe_load((run / "config.yaml").read_text())
    del stored["on_error"], stored["checkpoint"]["minutes"]  # which did not exist then
    (run / "config.yaml").write_text(yaml.safe_dump(stored))
    job(run, *FEW)
    assert_same(run, begun[1])
    happened("read, and gone on with to the same bytes")


@pytest.mark.fault(
    "25: resume, older code",
    "such checkpoints without the records or the configuration that belong to them",
)
@pytest.mark.parametrize(
    "name, said", [("metrics.jsonl", "has not the 2 records"), ("config.yaml", "cannot be told")]
)
def test_what_cannot_be_verified_is_refused(
    name: str, said: str, run: Path, capsys: Any, happened: Any
):
    rewritten(run, of_old)
    (run / name).unlink()
    assert attempted(run, *FEW)[2] == 2
    told = capsys.readouterr().err
    assert said in told and "hydra.run.dir=PATH" in told and "Traceback" not in told
    happened("exit 2 in words")


@pytest.mark.fault("25: resume, newer code", "a checkpoint of a form that is not known yet")
def test_newer_checkpoints_are_refused(run: Path, capsys: Any, happened: Any):
    rewritten(run, lambda state: state.update(schema=99))
    assert attempted(run, *FEW)[2] == 2 and "newer version" in capsys.readouterr().err
    happened("exit 2 in words")


BOMB = "b0: &b0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"b{i}: &b{i} [{','.join([f'*b{i - 1}'] * 10)}]\n" for i in range(1, 9)
)
FORGED: dict[str, tuple[Callable[[dict], Any], str]] = {
    "nothing": (
        lambda state: [state.pop(key) for key in [*state] if key != "schema"],
        "metrics: missing",
    ),
    "no records": (lambda state: state.update(metrics=5), "metrics: expected a word, got 5"),
    "other records": (lambda state: state.update(metrics="{\n"), "metrics: expected records"),
    "half a record": (lambda state: state.update(metrics="{}"), "metrics: expected records"),
    "no epoch": (lambda state: state.pop("epoch"), "epoch: missing"),
    "a word for an epoch": (
        lambda state: state.update(epoch="2"),
        "epoch: expected a whole number >= 0, got '2'",
    ),
    "a batch": (lambda state: state.update(batch=-1), "batch: expected"),
    "sums": (lambda state: state.update(sums={"loss": "x"}), "sums: expected numbers"),
    "generators": (
        lambda state: state.update(own=[{"random": [torch.zeros(3)]}]),
        "own: expected states",
    ),
    "classes": (lambda state: state.update(classes=3), "classes: expected a list of a word"),
    "seconds": (lambda state: state.update(seconds=float("nan")), "seconds: expected"),
    "no configuration": (lambda state: state.pop("config"), "config: missing"),
    "half a configuration": (lambda state: state.update(config="a: ["), "config: cannot be read"),
    "a bomb": (lambda state: state.update(config=BOMB), "config: has an anchor or an alias"),
    "a list": (lambda state: state.update(config="- a"), "config: expected a mapping"),
    "no network": (
        lambda state: state.update(network={}),
        "does not fit this run (RuntimeError: Error(s) in loading state_dict",
    ),
    "words for weights": (
        lambda state: state.update(network={"a": "b"}),
        "does not fit this run (RuntimeError",
    ),
    "no optimizer": (
        lambda state: state.pop("optimizer"),
        "does not fit this run (KeyError: 'optimizer')",
    ),
    "another optimizer": (
        lambda state: state.update(optimizer={"state": {}, "param_groups": []}),
        "does not fit this run (ValueError",
    ),
}


@pytest.mark.fault(
    "25: resume, forged", "checkpoints whose names fit their bytes, and which no run has written"
)
@pytest.mark.parametrize("forgery", FORGED)
def test_forged_checkpoints_are_refused(forgery: str, run: Path, capsys: Any, happened: Any):
    change, said = FORGED[forgery]
    rewritten(run, change)
    assert attempted(run, *FEW)[2] == 2
    told = capsys.readouterr().err
    assert said in told and "delete it to go on" in told and "checkpoints/train-000" in told, told
    assert "Traceback" not in told and "goes on with" not in told
    happened(f"exit 2: {said}")


@pytest.mark.fault(
    "25: resume, forged", "what is kept of a stage that has ended is not what a run writes"
)
@pytest.mark.parametrize(
    "change, said",
    [
        ({"block": {}}, "block: not the result of a stage"),
        ({"block": 3}, "block: expected a mapping"),
        ({"trained": [{}]}, "trained: network: missing"),
        ({"network": {}}, "does not fit this run (RuntimeError"),
        ({"trained": []}, None),
    ],
    ids=str,
)
def test_forged_ends_are_refused(
    change: dict, said: str | None, ended: Path, tmp_path: Path, capsys: Any, happened: Any
):
    run = Path(shutil.copytree(ended, tmp_path / "run"))
    rewritten(run, lambda state: state.update(change) if "block" in state else None)
    code = attempted(run, *FEW, "strategy=hybrid", *STRATEGIES["hybrid"])[2]
    told = capsys.readouterr().err
    assert "Traceback" not in told
    if said is not None:
        assert (
            code == 2
            and said in told
            and "delete it to go on" in told
            and "pretrain-finished-" in told
        ), told
    happened(f"exit {code}: {said}")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was stopped after its first stage."""
    from snnexp.runs.checkpoint import Checkpoints

    folder, finish = tmp_path_factory.mktemp("ended") / "run", Checkpoints.finish

    def stopping(self, *arguments):
        finish(self, *arguments)
        raise RuntimeError("the machine is gone")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "finish", stopping)
        assert attempted(folder, *FEW, "strategy=hybrid", *STRATEGIES["hybrid"])[2] == 1
    return folder


@pytest.mark.fault("25: resume elsewhere", "another number of threads")
def test_another_number_of_threads_goes_on(run: Path, begun: tuple, happened: Any):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        job(run, *FEW)
    finally:
        torch.set_num_threads(before)
    found, wanted = (
        [json.loads(line) for line in (each / "metrics.jsonl").read_text().splitlines()]
        for each in (run, begun[1])
    )
    assert found[:2] == wanted[:2] and len(found) == len(wanted)
    assert found[2]["train/loss"] == pytest.approx(wanted[2]["train/loss"], rel=1e-3)
    happened("goes on; the epochs before are the same bytes, the later ones the same to rounding")


@pytest.mark.fault(
    "3: checkpoint cut off",
    "the newest checkpoint cut to 0, 50 and 99.9 %, and one bit of it flipped",
)
@pytest.mark.parametrize("share", [0.0, 0.5, 0.999, None])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    share: float | None, run: Path, begun: tuple, capsys: Any, happened: Any
):
    path = run / "checkpoints" / kept(run)[-1]
    data = bytearray(path.read_bytes())
    if share is None:
        data[len(data) // 2] ^= 1
    path.write_bytes(data if share is None else data[: int(share * len(data))])
    job(run, *FEW)
    assert f"{path} is damaged: its SHA-256 is not the one in its name" in capsys.readouterr().err
    assert_same(run, begun[1])
    happened("the hash is named, the one before is used, the same bytes in the end")


# Kills


@pytest.mark.fault("1: kill -9 within an epoch", "SIGKILL after the first of four epochs")
def test_a_killed_run_goes_on_exactly(forks: Forks, straight: Path, tmp_path: Path, happened: Any):
    run = forks.train(tmp_path, "checkpoint.minutes=0.0001")  # checkpoints within the epoch, too
    run.until(lambda: lines(tmp_path / "run") >= 1)
    run.send(signal.SIGKILL)
    assert run.code() == -signal.SIGKILL and facts(tmp_path / "run")["status"] == "running"
    again = forks.train(tmp_path)
    assert again.code() == 0 and "resumed after" in again.said
    assert_same(tmp_path / "run", straight)
    happened("goes on to the same bytes")


@pytest.mark.soak
@pytest.mark.fault(
    "2: kill -9 while a checkpoint is written", "SIGKILL before and behind the rename"
)
@pytest.mark.parametrize("where", ["before the rename", "behind the rename"])
def test_a_kill_while_a_checkpoint_is_written(
    where: str, forks: Forks, straight: Path, tmp_path: Path, happened: Any
):
    assert forks.train(tmp_path, killed=where).code() == -signal.SIGKILL
    drafts = [name for name in kept(tmp_path / "run") if name.endswith(".draft")]
    assert bool(drafts) == (where == "before the rename")
    again = forks.train(tmp_path)
    assert again.code() == 0 and "resumed after epoch" in again.said
    assert_same(tmp_path / "run", straight)
    happened("the one before is used, no draft is left, the same bytes in the end")


@pytest.mark.soak
@pytest.mark.fault(
    "1, 10: kills and signals at random moments",
    "8 of SIGKILL, 8 of signals, over four ways of training",
)
def test_random_kills_and_signals(tmp_path: Path, happened: Any):
    import subprocess
    import sys

    from tests.support.command_line import ROOT, environment, hearing

    command = [
        sys.executable,
        str(ROOT / "scripts" / "kills.py"),
        "--count",
        "8",
        "--shorten",
        "--seed",
        "5",
    ]
    told = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, preexec_fn=hearing
    )
    assert told.returncode == 0, told.stdout + told.stderr
    happened("16 runs, each the same bytes in the end")
