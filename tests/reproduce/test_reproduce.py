"""The queue: what is run and in which order, and that it can be ended anywhere."""

import json
import math
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from snnexp.cli.reproduce import reproduce
from snnexp.cli.table import references
from snnexp.errors import ConfigError
from snnexp.reproduce import command
from snnexp.reproduce.estimate import Estimate, scaled
from snnexp.reproduce.frozen import frozen
from snnexp.reproduce.jobs import Job, jobs
from snnexp.reproduce.order import ordered
from snnexp.reproduce.recorded import record
from snnexp.reproduce.share import share_of
from tests.support.command_line import environment

TIMES = ("train_seconds", "evaluate_seconds", "peak_memory_bytes")
FEW = ("dataset.validation=1237", "evaluate.images=60", "batch_size=16", "epochs=3")
NAMES = ("digits_ann", "digits_diet")
RUNS = [pytest.param(2, NAMES[:1], id="2"), pytest.param(20, NAMES, id="20")]


def test_rows_and_experiments_are_jobs_with_what_they_start_from():
    found = jobs(["t3-cifar10-38-256", "digits_ann"], references(), 2)
    names = [job.name for job in found]
    assert names[:4] == [
        "cifar10_rmp_resnet20/s1",
        "cifar10_rmp_resnet20/s2",
        "digits_ann/s1",
        "digits_ann/s2",
    ]
    assert (
        names[4:] == ["cifar10_ann_resnet20/s1", "cifar10_ann_resnet20/s2"]
        and found[1].first == "cifar10_ann_resnet20/s2"
    )
    words = found[1].words(Path("/runs"))
    assert words[0] == "+experiment=cifar10_rmp_resnet20" and "seed=2" in words
    assert (
        "strategy.stages.pretrain.start='/runs/cifar10_ann_resnet20/s2'" in words
        and "strategy.stages.pretrain.epochs=0" in words
    )
    with pytest.raises(ConfigError, match="neither an experiment nor a row"):
        jobs(["digits_nothing"], references(), 1)


@pytest.mark.soak
@pytest.mark.slow
def test_everything_in_the_plan_is_an_experiment_and_can_be_composed():
    from snnexp.reproduce.ready import configuration

    found = jobs([], references(), 1)
    assert len(found) > 20 and {job.experiment for job in found} <= references().keys()
    for job in found:
        config, _ = configuration(job)
        assert job.start is None or job.stage in config["strategy"]["stages"]


def test_what_says_most_per_hour_comes_first_and_behind_what_it_starts_from():
    plain, ann = Job("plain", 1, weight=1.0), Job("ann", 1, weight=1.0)
    followers = [Job(f"f{number}", 1, start="ann", weight=1.0) for number in range(3)]
    again, unknown = Job("plain", 2, weight=1.0), Job("unknown", 1, weight=1.0)
    hours = {
        "plain/s1": 1.0,
        "plain/s2": 1.0,
        "ann/s1": 2.0,
        "f0/s1": 0.1,
        "f1/s1": 0.1,
        "f2/s1": 0.1,
        "unknown/s1": None,
    }
    found = [job.name for job in ordered([again, plain, unknown, *followers, ann], hours)]
    assert found == ["ann/s1", "f0/s1", "f1/s1", "f2/s1", "plain/s1", "plain/s2", "unknown/s1"]


def test_what_is_begun_is_finished_first():
    jobs = [Job("quick", 1, weight=1.0), Job("long", 1, weight=1.0)]
    hours = {"quick/s1": 1.0, "long/s1": 9.0}
    assert [job.name for job in ordered(jobs, hours, {"long/s1"})] == ["long/s1", "quick/s1"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "words, code, said",
    [
        (["digits_nothing"], 2, "neither an experiment nor a row"),
        (["--budget-hours", "nan"], 2, "expected a number of hours > 0"),
        (["--threads", "0"], 2, "expected a whole number > 0"),
        (["imagenet_qcfs_vgg16", "--dry-run"], 0, "skipped, no data: imagenet: missing"),
    ],
)
def test_words_and_codes(words, code, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SNNEXP_DATA", str(tmp_path))
    assert reproduce([*words, "--runs", str(tmp_path / "runs")]) == code
    assert said in capsys.readouterr().err


def test_what_is_recorded_names_no_folder_of_this_machine(tmp_path):
    job = Job("digits_ann", 1)
    run = job.folder(tmp_path)
    run.mkdir(parents=True)
    (run / "result.json").write_text(
        json.dumps({"command": f"snnexp train start={tmp_path}/ann/s1"})
    )
    (run / "config.yaml").write_text(
        f"data_dir: {tmp_path}/data\ndataset:\n  data_dir: {tmp_path}/data\noutput_dir: x\n"
    )
    (run / "metrics.jsonl").write_text("")
    (run / "weights.safetensors").write_bytes(b"0" * 3_000_001)
    kept = record(job, tmp_path)
    assert sorted(path.name for path in kept.iterdir()) == [
        "config.yaml",
        "metrics.jsonl",
        "result.json",
    ]
    assert all(str(tmp_path) not in path.read_text() for path in kept.iterdir())


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a frozen copy of the program."""
    runs = tmp_path_factory.mktemp("frozen")
    frozen(runs)
    return runs / "code"


EAGER = """
from snnexp.reproduce import command
command.yield_to_others = lambda: None
from snnexp.cli.main import main
main()
"""
"""The command line, but that its runs do not stand back: beside other tests they would wait for
ever.
"""


def queue(runs: Path, names: tuple[str, ...]) -> subprocess.Popen:
    words = [*names, "--runs", runs, *(word for each in FEW for word in ("--set", each))]
    line = [sys.executable, "-c", EAGER, "reproduce", *map(str, words)]
    return subprocess.Popen(line, env=environment(), stderr=subprocess.PIPE, text=True)


def begun(code: Path, folder: Path) -> Path:
    folder.mkdir()
    shutil.copytree(code, folder / "code")
    return folder


def left(runs: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """What the runs have left, without their times."""
    found: dict[str, Any] = {}
    for name in names:
        kept = runs / "results" / name / "s1"
        result = json.loads((kept / "result.json").read_text())
        for block in (result, *result["stages"].values()):
            for key in TIMES:
                block.pop(key, None)
        found[name] = [
            result,
            (kept / "metrics.jsonl").read_bytes(),
            (kept / "weights.safetensors").read_bytes(),
        ]
    return found


@pytest.mark.soak
@pytest.mark.parametrize("kills, names", RUNS)
def test_a_queue_that_is_killed_anywhere_ends_as_one_that_is_not(code, tmp_path, kills, names):
    straight, rng = begun(code, tmp_path / "straight"), random.Random(kills)
    process = queue(straight, names)
    started = time.monotonic()
    said = process.communicate(timeout=600)[1]
    assert process.returncode == 0, said
    seconds = time.monotonic() - started
    runs = begun(code, tmp_path / "killed")
    for _ in range(kills):
        process = queue(runs, names)
        try:
            process.wait(rng.uniform(0, seconds / math.sqrt(kills)))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
    process = queue(runs, names)
    said = process.communicate(timeout=600)[1]
    assert process.returncode == 0, said
    assert left(runs, names) == left(straight, names)


@pytest.mark.slow
def test_runs_take_the_time_that_nobody_wants():
    with open(os.devnull, "wb") as log:
        process = subprocess.Popen(["sleep", "20"], stdout=log, preexec_fn=command.prepare_process)
    try:
        assert (
            os.getpriority(os.PRIO_PROCESS, process.pid) == 19
            and os.getsid(process.pid) == process.pid
        )
        assert (
            not hasattr(os, "sched_getscheduler")
            or os.sched_getscheduler(process.pid) == os.SCHED_IDLE
        )
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_seconds_of_a_stage_are_those_of_its_epochs_evaluations_and_tests_of_robustness():
    tests = {"accuracy_by_bits": {"8": 99.0}, "accuracy_by_variation": {"0.1": 98.0, "0.2": 97.0}}
    short = SimpleNamespace(
        train_seconds=8.0, evaluate_seconds=2.0, accuracy_by_jitter=None, **tests
    )
    config = {"batch_size": 100, "dataset": {}, "evaluate": {"images": 1000, "every": 2}}
    steps, evaluations = 4 * 60_000 / 400, (1 + 2 + 3) * 1000 / 20
    assert scaled(short, 4, config, "mnist") == 8.0 * steps + 2.0 * evaluations


BUSY = "import time\nwhile time.process_time() < 0.7: pass"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="not told on this system")
def test_the_share_of_the_processor_is_what_a_process_had_of_what_it_asked_for():
    core = {min(os.sched_getaffinity(0))}
    words = [sys.executable, "-c", BUSY]
    pair = [
        subprocess.Popen(words, preexec_fn=lambda: os.sched_setaffinity(0, core)) for _ in range(2)
    ]
    assert share_of(pair[0]) < 0.8  # of one core for two
    assert pair[1].wait() == 0
    asleep = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1.5)"])
    assert share_of(asleep) > 0.1  # though it has computed for a hundredth of the time


@pytest.mark.slow
def test_an_estimate_says_what_a_busy_machine_makes_of_it(tmp_path, capsys):
    assert Estimate(3600.0, 0.25).beside_others == 4 * 3600
    (job,) = jobs(["digits_ann"], references(), 1)
    kept = {json.dumps([job.experiment, job.settings, 1]): {"alone": 4320.0, "share": 0.15}}
    (tmp_path / "estimates.json").write_text(json.dumps(kept))
    words = ["digits_ann", "--dry-run", "--runs", str(tmp_path)]
    assert reproduce(words) == 0
    said = "8.00 h with 15% of the processor, as when it was measured; 1.20 h with all of it"
    assert said in capsys.readouterr().err
    assert reproduce([*words, "--budget-hours", "2"]) == 0
    assert "over budget (8.00 h of the 2.00 h left)" in capsys.readouterr().err
