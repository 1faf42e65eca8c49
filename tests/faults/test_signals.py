"""Signals: the first has a run save at the edge of a batch and end, a second ends it at once;
started again it goes on exactly.
"""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from snnexp import stopping
from snnexp.cli import train as main
from snnexp.cli.exits import exit_code
from snnexp.cli.goon import going_on
from snnexp.cli.signals import stopping_on_signals
from snnexp.network.network import Network
from snnexp.runs.checkpoint_file import names, read
from snnexp.runs.status import claimed
from snnexp.runs.status import read as status
from snnexp.stopping import Stopped
from tests.support.command_line import hearing
from tests.support.forked_runs import SETTINGS, Forks, assert_same, facts, kept, lines, told_command
from tests.support.tiny_run import attempted, job

OFTEN = "checkpoint.minutes=0.00001"
"""A checkpoint after every batch: so it can be seen that a run is in the midst of an epoch."""
NUMBERS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT)
ALIKE = (signal.SIGUSR1, signal.SIGHUP, signal.SIGINT)
"""All are tested among the long ones; SIGTERM, as which the first two are handled, always."""


@pytest.mark.fault(
    "10: signal within an epoch",
    "SIGTERM, SIGUSR1, SIGHUP and SIGINT reach a run between two checkpoints",
)
@pytest.mark.parametrize(
    "number",
    [pytest.param(each, marks=[pytest.mark.soak] * (each in ALIKE)) for each in NUMBERS],
    ids=lambda number: number.name,
)
def test_a_signal_within_an_epoch_costs_no_batch(
    forks: Forks, straight: Path, tmp_path: Path, number: int, happened: Any
):
    run = forks.train(tmp_path, OFTEN)
    run.until(lambda: any("batch" in name for name in kept(tmp_path / "run")))
    run.send(number)
    assert run.code() == 128 + number, run.said
    told = facts(tmp_path / "run")
    assert (told["status"], told["exit_code"]) == (
        "preempted",
        128 + number,
    ) and "Traceback" not in run.said
    assert f"stopped by signal {number:d} ({number.name})" in run.said
    assert "interrupted while training train  epoch " in run.said
    state = read(names(tmp_path / "run" / "checkpoints", "train")[-1])
    assert state["batch"] == state["sums"]["batches"] > 0
    again = forks.start(tmp_path, *told_command(run.said))
    assert (
        again.code() == 0
        and f"resumed after batch {state['batch']} of epoch {state['epoch'] + 1}" in again.said
    )
    assert_same(tmp_path / "run", straight)
    happened(
        f"exit {128 + number}, preempted, kept after batch {state['batch']}; goes on to the "
        "same bytes"
    )


@pytest.mark.fault(
    "B: signals", "a run is asked to stop again and again, a few batches after each start"
)
@pytest.mark.soak
def test_a_run_stopped_over_and_over_ends_the_same(
    forks: Forks, straight: Path, tmp_path: Path, happened: Any
):
    for _ in range(4):
        before, run = kept(tmp_path / "run"), forks.train(tmp_path, OFTEN)
        run.until(lambda before=before: kept(tmp_path / "run") != before)
        run.send(signal.SIGTERM)
        assert run.code() == 143, run.said
    assert forks.train(tmp_path).code() == 0
    assert_same(tmp_path / "run", straight)
    happened("stopped four times, the same bytes in the end")


@pytest.mark.soak
@pytest.mark.fault("B: signals", "SIGINT and SIGHUP under nohup, whose runs ignore them")
def test_what_the_parent_ignores_stays_ignored(
    forks: Forks, straight: Path, tmp_path: Path, happened: Any
):
    run = forks.train(tmp_path, ignored=[signal.SIGINT, signal.SIGHUP])
    run.until(lambda: lines(tmp_path / "run") >= 1)
    for number in (signal.SIGINT, signal.SIGHUP):
        run.send(number)
    assert run.code() == 0, run.said
    assert_same(tmp_path / "run", straight)
    happened("ignored: the run goes on to its end")


FEW = [
    "dataset.validation=1337",
    "evaluate.images=20",
    "evaluate.batch_size=10",
    "evaluate.chunk=2",
    "batch_size=25",
]
DEAF_PLACES = {
    "hybrid": [
        "strategy=hybrid",
        "neuron=if",
        "neuron.amplitude=threshold",
        "calibration=light",
        "calibration.samples=40",
    ],
    "tandem": ["+experiment=digits_tandem", "architecture=cnn", "architecture.layers=[4C3,AP4]"],
    "single spike": ["+experiment=digits_single_spike", "timesteps=16", "architecture.widths=[16]"],
}


@pytest.mark.fault(
    "B: signals",
    (
        "SIGTERM at passes through the network: in training, evaluation, measuring of "
        "thresholds, conversion"
    ),
)
@pytest.mark.parametrize("strategy", DEAF_PLACES)
def test_a_signal_is_obeyed_within_a_batch_wherever_it_comes(
    strategy: str, tmp_path: Path, monkeypatch: Any, happened: Any
):
    settings = ["epochs=1", *FEW, *DEAF_PLACES[strategy]]
    passes, forward = [0, None, 0], Network.forward

    def counting(self, *arguments: Any) -> Any:
        passes[0] += (
            signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
        )  # the check, before a run, may try the network, too
        passes[2] += passes[1] is not None and passes[0] > passes[1]
        if passes[0] == passes[1] and not stopping.asked():
            os.kill(os.getpid(), signal.SIGTERM)
        return forward(self, *arguments)

    monkeypatch.setattr(Network, "forward", counting)
    job(tmp_path / "straight", *settings)
    whole = passes[0]
    for place in range(3, whole, max(1, whole // 2)):
        passes[:] = [0, place, 0]
        code = attempted(tmp_path / f"{place}", *settings)[2]
        assert (code, status(tmp_path / f"{place}")["status"]) == (143, "preempted") and passes[
            2
        ] <= 2, place
        passes[:] = [0, None, 0]
        job(tmp_path / f"{place}", *settings)
        assert_same(tmp_path / f"{place}", tmp_path / "straight")
    happened("stopped within a batch everywhere, and went on to the same bytes")


@pytest.mark.fault("B: signals", "SIGTERM while image files are read")
def test_a_signal_while_data_is_read_is_obeyed(tmp_path: Path, monkeypatch: Any, happened: Any):
    from PIL import Image

    from snnexp.datasets.folder import FolderImages

    for part in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(4):
                Image.new("RGB", (8, 8), (number, 0, 0)).save(
                    tmp_path / part / name / f"{number}.png"
                )
    with pytest.raises(Stopped), stopping_on_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        FolderImages(str(tmp_path), ".", 8).read()
    assert not (tmp_path / ".cache").exists()
    happened("stopped, no half cache left")


# The handler


@pytest.mark.fault("B: signals", "a second signal, of the same or of another kind")
@pytest.mark.parametrize(
    "first, second, ends",
    [
        (signal.SIGTERM, signal.SIGTERM, True),
        (signal.SIGINT, signal.SIGINT, True),
        (signal.SIGTERM, signal.SIGINT, True),
        (signal.SIGINT, signal.SIGTERM, False),  # torchrun's own, after a Ctrl+C that reached all
        (signal.SIGHUP, signal.SIGHUP, False),  # a shell's and the kernel's, of one terminal
        (signal.SIGUSR1, signal.SIGTERM, False),  # Slurm's warning, then its order
    ],
)
def test_a_second_signal_ends_at_once_where_it_is_meant_so(
    first: int, second: int, ends: bool, monkeypatch: Any, happened: Any
):
    with stopping_on_signals() as words:
        left = []
        monkeypatch.setattr(words, "leave", left.append)
        os.kill(os.getpid(), first)
        assert stopping.asked() == first and not left
        os.kill(os.getpid(), second)
        assert bool(left) == ends and stopping.asked() == first
    happened("ends at once" if ends else "is taken for the same event")


LONG = """
import sys, time
from pathlib import Path
from snnexp.cli.exits import exit_code
from snnexp.cli.signals import stopping_on_signals
from snnexp.runs.status import claimed

with stopping_on_signals() as words, claimed(sys.argv[1], exit_code) as status:
    words.act = status.preempt
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
"""


@pytest.mark.soak
@pytest.mark.fault("B: signals", "the same signal twice while a batch takes for ever")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_twice_ends_a_batch_without_end_with_a_true_status(
    number: int, tmp_path: Path, happened: Any
):
    command = [sys.executable, "-c", LONG, str(tmp_path)]
    pipes = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "preexec_fn": hearing,
    }
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == "ready\n"
        for _ in range(2):
            process.send_signal(number)
            with pytest.raises(subprocess.TimeoutExpired) if _ == 0 else open(os.devnull):
                process.wait(timeout=0.2 if _ == 0 else 60)
        assert process.wait(timeout=60) == 128 + number and process.stderr.read() == ""
    assert (facts(tmp_path)["status"], facts(tmp_path)["exit_code"]) == ("preempted", 128 + number)
    happened(f"exit {128 + number} at once, preempted, no traceback")


@pytest.mark.fault(
    "B: signals",
    "somebody listens to SIGUSR2 already, as submitit does to put a job back in the queue",
)
def test_who_listened_before_is_told_once_the_run_is_saved(tmp_path: Path, happened: Any):
    told: list[Any] = []
    before = signal.signal(
        signal.SIGUSR2, lambda number, frame: told.append((number, status(tmp_path)["status"]))
    )
    try:
        with pytest.raises(Stopped), stopping_on_signals(), claimed(tmp_path, exit_code):
            os.kill(os.getpid(), signal.SIGUSR2)
            assert told == []
            stopping.look()
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert told == [(signal.SIGUSR2, "preempted")]
    happened("the listener is called when the status is written")


def test_a_command_to_go_on_can_be_copied(tmp_path: Path):
    folder = tmp_path / "mit Umlaut ä, (und) 'mehr'"
    words = going_on(["neuron=lif", "hydra.run.dir=old", "architecture.layers=[4C3, AP4]"], folder)
    assert words.startswith("snnexp train neuron=lif 'architecture.layers=[4C3, AP4]' ")
    import shlex

    from hydra.core.override_parser.overrides_parser import OverridesParser

    (override,) = OverridesParser.create().parse_overrides(shlex.split(words)[-1:])
    assert override.key_or_group == "hydra.run.dir" and str(override.value()) == str(folder)


# Sweeps

SWEEP = (
    "train",
    "-m",
    "tracker=none",
    "progress=plain",
    "architecture=mlp",
    "timesteps=2",
    "batch_size=8",
    "dataset.validation=1037",
)


@pytest.mark.soak
@pytest.mark.fault("11: SIGINT in a sweep", "Ctrl+C once in the first of two jobs")
def test_a_sweep_that_is_stopped_says_how_it_goes_on(forks: Forks, tmp_path: Path, happened: Any):
    run = forks.start(tmp_path, *SWEEP, "epochs=4", "seed=1,2", "hydra.sweep.dir=sweep")
    run.until(lambda: lines(tmp_path / "sweep" / "0_s1") >= 1)
    run.send(signal.SIGINT)
    assert run.code() == 130 and "Traceback" not in run.said, run.said
    assert (
        facts(tmp_path / "sweep" / "0_s1")["status"] == "preempted"
        and not (tmp_path / "sweep" / "1_s2").exists()
    )
    assert any("batch" in name for name in kept(tmp_path / "sweep" / "0_s1")) and all(
        word in run.out.read_text() for word in ("interrupted", "not begun")
    )
    assert {"-m", "seed=1,2"} < {*told_command(run.said)}
    again = forks.start(tmp_path, "resume", "sweep")  # which is that command
    assert again.code() == 0, again.said
    assert [facts(tmp_path / "sweep" / name)["status"] for name in ("0_s1", "1_s2")] == [
        "finished",
        "finished",
    ]
    happened(
        "exit 130: the job is kept, the other not started, the table says so; `snnexp resume` "
        "ends both"
    )


@pytest.mark.soak
@pytest.mark.fault("11: SIGINT in a sweep", "Ctrl+C twice")
def test_a_sweep_that_is_stopped_twice_ends_without_a_traceback(
    forks: Forks, tmp_path: Path, happened: Any
):
    run = forks.start(tmp_path, *SWEEP, "epochs=400", "seed=1,2", "hydra.sweep.dir=sweep")
    run.until(lambda: lines(tmp_path / "sweep" / "0_s1") >= 1)
    run.send(signal.SIGINT)
    run.send(signal.SIGINT)
    assert run.code() == 130 and "Traceback" not in run.said, run.said
    assert (
        facts(tmp_path / "sweep" / "0_s1")["status"] == "preempted"
        and not (tmp_path / "sweep" / "1_s2").exists()
    )
    happened("exit 130, preempted, no traceback")


@pytest.mark.soak
@pytest.mark.fault(
    "12: a job of three fails",
    "the second of three jobs diverges, with on_error=continue and on_error=stop",
)
@pytest.mark.parametrize(
    "rule, states",
    [("continue", ["finished", "failed", "finished"]), ("stop", ["finished", "failed"])],
)
def test_the_other_jobs_of_a_sweep_go_on_or_not(
    rule: str, states: list[str], forks: Forks, tmp_path: Path, happened: Any
):
    words = [
        *SWEEP,
        "epochs=1",
        "evaluate.images=20",
        "optimizer=sgd",
        "optimizer.lr=0.1,1e30,0.2",
        f"on_error={rule}",
    ]
    run = forks.start(tmp_path, *words, "hydra.sweep.dir=sweep")
    code = {"continue": 1, "stop": 5}[rule]
    assert run.code() == code and "Traceback" not in run.said, run.said
    jobs = sorted((tmp_path / "sweep").glob("?_*s?"))
    assert [facts(each)["status"] for each in jobs] == states
    assert [(each / "error.txt").exists() for each in jobs] == [
        state == "failed" for state in states
    ]
    assert "failed" in run.out.read_text()
    happened(f"exit {code}; jobs {states}; error.txt in the one that failed, the table lists it")


@pytest.mark.fault("B: signals", "Ctrl+C when everything is written, before the process has ended")
@pytest.mark.parametrize("place", ["snnexp.cli.job.claimed", "snnexp.cli.objective.objective"])
def test_a_signal_after_the_end_changes_nothing(
    place: str, tmp_path: Path, monkeypatch: Any, happened: Any
):
    def late(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    @contextmanager
    def ended(*arguments: Any) -> Any:
        with claimed(*arguments) as status:
            yield status
        late()

    monkeypatch.setattr(place, ended if place.endswith("claimed") else late)
    monkeypatch.chdir(tmp_path)
    code = main.train([*SETTINGS, "epochs=1", "hydra.run.dir=run"])
    assert (code, facts(tmp_path / "run")["status"]) == (0, "finished")
    happened("exit 0, finished")
