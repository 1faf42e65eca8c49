"""W&B away, broken, hanging or killed: the run goes on, waits for a bounded time, and what is said
to be kept is there, all of it.
"""

import os
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

from snnexp.results.run import RunResult
from snnexp.track import wandb as tracking
from snnexp.track.files import MetricsFile
from snnexp.track.wandb import WandbTracker
from tests.support.fake_run import (
    CONFIG,
    EPOCH,
    LABELS,
    RESULT,
    stage,
    trackers,
    wandb_tracker,
    whole_run,
)
from tests.support.wandb_records import below, eventually, exit_codes, goes_on, kept, told
from tests.support.wandb_server import KEY, Server

WHOLE = [("pretrain", 1), ("pretrain", 2), ("pretrain", 2), ("finetune", 1), ("finetune", 3)]
"""What `whole_run` tells: epochs and the ends of stages."""


OLDER: set[int] = set()
"""Processes that tests before this one have to do with."""


@pytest.fixture(autouse=True)
def older() -> None:
    OLDER.clear()
    OLDER.update(below(os.getpid()))


def left() -> set[int]:
    """Processes that this test has started and that go on."""
    return set(below(os.getpid())) - OLDER


@pytest.fixture(autouse=True)
def no_account(monkeypatch):
    for name in [name for name in os.environ if name.startswith("WANDB")]:
        monkeypatch.delenv(name)


@pytest.fixture
def hasty(monkeypatch):
    """No wait for W&B is long: what hangs, hangs for ever anyway."""
    monkeypatch.setattr(tracking, "LOCAL", 0.3)


def tracker(mode: str, start_timeout: float = 0.5, finish_timeout: float = 20.0) -> WandbTracker:
    return wandb_tracker(mode, start_timeout, finish_timeout)


def assert_whole(run_dir: Path, kind: str = "offline-run") -> None:
    records = kept(run_dir, kind)
    assert told(records) == WHOLE and exit_codes(records) == [0]
    assert records["run"][0]["config"]["update"]["neuron.leak"] == 0.5
    assert any(each.get("update", {}).get("gap") == RESULT["gap"] for each in records["summary"])
    assert len(MetricsFile(run_dir).read()) == len(WHOLE)
    assert not left(), "a process is left behind"


# A server that cannot be had


@pytest.fixture
def address(request):
    """Where there is no W&B server, in several ways."""
    if request.param in ("500", "401"):
        server = Server(status=int(request.param))
        yield server.environment["WANDB_BASE_URL"]
        server.close()
        return
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        if request.param == "hanging":
            listening.listen(50)  # the system takes connections, and nobody ever answers
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.fault(
    "14: W&B unreachable", "online, where nothing listens, nobody answers, or errors come back"
)
@pytest.mark.parametrize(
    "address",
    ["closed", *(pytest.param(each, marks=pytest.mark.soak) for each in ("hanging", "500", "401"))],
    indirect=True,
)
def test_without_a_server_the_whole_run_is_kept_offline(
    tmp_path, capsys, monkeypatch, happened, address
):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", address)
    whole_run(tmp_path, tracker("online"))
    errors = capsys.readouterr().err
    assert (
        errors.count("warning") == 1
        and "kept offline" in errors
        and f"wandb sync {tmp_path}/wandb/offline-run-*" in errors
    )
    assert_whole(tmp_path)
    assert not list(
        tmp_path.glob("wandb/run-*")
    )  # two folders of one run cannot both be synchronised
    happened("one warning; the offline record, read back, is the whole run")


@pytest.mark.soak
@pytest.mark.fault("14: no key", "online without an account")
def test_without_a_key_the_whole_run_is_kept_offline(tmp_path, capsys, monkeypatch, happened):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    (tmp_path / "run").mkdir()
    whole_run(tmp_path / "run", tracker("online", start_timeout=20.0))
    errors = capsys.readouterr().err
    assert errors.count("warning") == 1 and "no API key" in errors and "kept offline" in errors
    assert_whole(tmp_path / "run")
    happened("one warning that names `wandb login`; the offline record is the whole run")


@pytest.mark.fault("14: the server goes away", "the server stops answering in the middle of a run")
def test_a_server_that_goes_away_leaves_the_whole_run_on_the_disk(
    tmp_path, capsys, monkeypatch, happened
):
    server = Server()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    with trackers(tmp_path, tracker("online", start_timeout=30.0, finish_timeout=1.0)) as run:
        for number in (1, 2):
            run.epoch({**EPOCH, "epoch": number}, 2)
        server.vanish()
        run.stage(stage(stage="pretrain", epochs=2))
        run.epoch({**EPOCH, "stage": "finetune"}, 3)
        run.stage(stage())
        run.result(RunResult.from_json(RESULT))  # for its tables W&B asks the server
    server.close()
    errors = capsys.readouterr().err
    assert (
        errors.count("warning") == 1
        and "kept offline" in errors
        and f"wandb sync {tmp_path}/wandb/offline-run-*" in errors
    )
    assert "UpsertBucket" in server.asked
    assert_whole(tmp_path)
    happened("one warning after finish_timeout; the offline record is the whole run")


@pytest.mark.fault(
    "B: tracker", "a resumed run goes on at a server that has more of it than the checkpoint"
)
def test_a_resumed_run_tells_the_server_what_it_does_not_have(tmp_path, monkeypatch, happened):
    server = Server(knows=2)
    for name, value in {**server.environment, "WANDB_RUN_ID": "abc"}.items():
        monkeypatch.setenv(name, value)
    with trackers(tmp_path, tracker("online", start_timeout=30.0)) as run:
        for number in (1, 2, 3):
            run.epoch({**EPOCH, "epoch": number}, 3)
    server.close()
    assert [(step["_step"], step["epoch"]) for step in server.history] == [(2, 3)]
    happened("it goes on behind what the server has")


# W&B itself broken

RAISING = """
import time

class Run:
    id, starting_step, url = "abc", 0, ""

    def __init__(self, dir):
        self.dir = dir + "/wandb/run/files"
        self.summary = {}

    def define_metric(self, *names, **settings):
        pass

    def __getattr__(self, name):
        return lambda *given, **more: act(name)

def act(name):
    if name == WHERE:
        BREAK

def Settings(**settings):
    return settings

def setup(settings):
    pass

def login(**settings):
    return True

def init(dir, **settings):
    act("init")
    return Run(dir)

class plot:
    def line(*given, **more):
        pass

Table = dict
act("import")
"""
"""A wandb module in which one thing is broken."""


@pytest.fixture
def broken(request, tmp_path, monkeypatch):
    where, how = request.param
    source = RAISING.replace("WHERE", repr(where)).replace("BREAK", how)
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "wandb.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


RAISE, MISSING, DIE, HANG = (
    'raise RuntimeError("no\\nmore")',
    "import nowhere_to_be_found",
    "import os; os._exit(3)",
    "time.sleep(1000)",
)


@pytest.mark.fault(
    "15: wandb raising",
    "wandb cannot be imported, raises, or ends its process, in init, log or finish",
)
@pytest.mark.parametrize("mode", ["offline", "online"])
@pytest.mark.parametrize(
    "broken",
    [
        ("import", MISSING),
        ("import", RAISE),
        ("init", RAISE),
        ("log", RAISE),
        ("finish", RAISE),
        ("log", DIE),
    ],
    indirect=True,
    ids=["missing", "import", "init", "log", "finish", "death"],
)
def test_a_broken_wandb_never_stops_a_run(broken, capsys, happened, mode):
    whole_run(broken, tracker(mode, start_timeout=20.0))
    errors = capsys.readouterr().err
    assert (
        errors.count("warning") == 1
        and "WandbTracker is off" in errors
        and "kept offline" not in errors
        and "more" not in errors
    )
    assert len(MetricsFile(broken).read()) == len(WHOLE) and not left()
    happened("one warning; metrics.jsonl is full")


@pytest.mark.soak
@pytest.mark.fault("15: wandb hanging", "wandb hangs for ever in import, init, log or finish")
@pytest.mark.parametrize(
    "broken",
    [(where, HANG) for where in ("import", "init", "log", "finish")],
    indirect=True,
    ids=lambda each: each[0],
)
def test_a_hanging_wandb_is_waited_for_briefly(broken, capsys, happened, hasty):
    whole_run(broken, tracker("online", start_timeout=0.3, finish_timeout=0.3))
    errors = capsys.readouterr().err
    assert (
        errors.count("warning") == 1
        and "WandbTracker is off" in errors
        and "no answer within" in errors
    )
    assert len(MetricsFile(broken).read()) == len(WHOLE) and not left()
    happened("one warning after the timeouts; metrics.jsonl is full, no process left")


@pytest.mark.fault(
    "15: the service killed",
    "W&B's own process, or that which speaks with it, is killed or stopped in the middle of a run",
)
@pytest.mark.parametrize(
    "victim, number",
    [
        ("wandb-core", signal.SIGKILL),
        pytest.param("wandb-core", signal.SIGSTOP, marks=pytest.mark.soak),
        pytest.param("wandb_mirror", signal.SIGKILL, marks=pytest.mark.soak),
    ],
)
def test_whatever_happens_to_the_service_the_whole_run_is_kept(
    tmp_path, capsys, happened, victim, number
):
    offline = tracker("offline", finish_timeout=1.0 if number == signal.SIGSTOP else 20.0)

    def strike(run) -> None:
        run.epoch({**EPOCH, "epoch": 1}, 2)
        assert eventually(lambda: list(tmp_path.glob("wandb/offline-run-*/*.wandb")))
        (pid,) = [pid for pid, command in below(os.getpid()).items() if victim in command]
        os.kill(pid, number)
        assert number == signal.SIGSTOP or eventually(lambda: not goes_on(pid))

    with trackers(tmp_path, offline) as run:
        strike(run)
        run.epoch({**EPOCH, "epoch": 2}, 2)
        run.stage(stage(stage="pretrain", epochs=2))
        run.epoch({**EPOCH, "stage": "finetune"}, 3)
        run.stage(stage())
        run.result(RunResult.from_json(RESULT))
    assert "warning" not in capsys.readouterr().err
    assert_whole(tmp_path)
    happened("told again to a new one: the record is the whole run, without a word")


@pytest.mark.fault(
    "15: the service killed",
    "the process that speaks with W&B is killed after the last epoch, and again",
)
def test_who_is_killed_again_and_again_is_given_up_with_one_warning(tmp_path, capsys, happened):
    unlucky = tracker("offline")
    with trackers(tmp_path, unlucky) as run:
        for number in (1, 2):
            os.kill(unlucky.process.process.pid, signal.SIGKILL)
            unlucky.process.process.wait()
            unlucky.process.threads[1].join()
            run.epoch({**EPOCH, "epoch": number}, 2)
        run.epoch({**EPOCH, "epoch": 3}, 2)
    errors = capsys.readouterr().err
    assert errors.count("warning") == 1 and "WandbTracker is off" in errors and "-9" in errors
    assert len(MetricsFile(tmp_path).read()) == 3
    happened("one warning; metrics.jsonl is full")


# A run that ends without saying so


@pytest.mark.fault(
    "B: tracker",
    (
        "an id with a dash, and a folder with blanks and letters beyond ASCII, in a run that is "
        "resumed"
    ),
)
def test_ids_and_folders_may_look_like_anything(tmp_path, monkeypatch, happened):
    folder = tmp_path / "Läufe von heute" / "it's"
    folder.mkdir(parents=True)
    monkeypatch.setenv("WANDB_RUN_ID", "my-run-1")
    for records in (0, 1):
        with trackers(
            folder,
            tracker("offline"),
            records=(folder / "metrics.jsonl").read_text() if records else "",
        ) as run:
            run.epoch({**EPOCH, "epoch": records + 1}, 3)
        monkeypatch.delenv("WANDB_RUN_ID", raising=False)
        record = kept(folder)
        assert record["run"][0]["run_id"] == "my-run-1" and told(record) == WHOLE[: records + 1]
    happened("one record under the one id, with all epochs")


@pytest.mark.fault("B: tracker", "a worker process that outlives the run holds its pipes open")
def test_the_end_of_a_run_is_seen_whoever_holds_its_pipes(tmp_path, happened):
    source = "\n".join(
        [
            "import os, sys, time",
            "from pathlib import Path",
            "from tests.support.fake_run import CONFIG, EPOCH, LABELS, wandb_tracker",
            "tracker = wandb_tracker('offline', 5.0, 5.0)",
            f"tracker.start(Path({str(tmp_path)!r}), CONFIG, LABELS)",
            "tracker.log(EPOCH)",
            "time.sleep(0.2)",
            "os.fork() or time.sleep(30)",
            "os._exit(1)",
        ]
    )
    os.spawnve(
        os.P_WAIT,
        sys.executable,
        [sys.executable, "-c", source],
        {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert eventually(
        lambda: list(tmp_path.glob("wandb/offline-run-*/*.wandb")) and exit_codes(kept(tmp_path)),
        25.0,
    ) == [1]
    assert told(kept(tmp_path)) == WHOLE[:1]
    happened("the record is closed as failed")


# What is told stays what it is


def test_nothing_waits_for_a_process_that_does_not_read(tmp_path, monkeypatch):
    """A pipe takes 64 kB; a result with its curves is larger."""
    monkeypatch.setattr(tracking, "LOCAL", 0.1)
    stuck = tracker("offline", finish_timeout=0.1)
    stuck.start(tmp_path, CONFIG, LABELS)
    os.kill(stuck.process.process.pid, signal.SIGSTOP)
    threads = threading.active_count()
    for number in (1, 2):
        stuck.log({**EPOCH, "epoch": number, "long": "x" * 200_000})
    assert threading.active_count() == threads
    with pytest.raises(RuntimeError, match="no answer"):
        stuck.finish(0)
    assert threading.active_count() == threads - 2 and not left()
