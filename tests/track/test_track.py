"""What a run tells the outside: metrics file, terminal, W&B; and that no tracker can stop it."""

import io
import json
import logging
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from snnexp.files.atomic import dumps
from snnexp.progress.work import doing, within
from snnexp.report.lines import epoch_line, in_units, timesteps_line
from snnexp.report.summary import folded, summary
from snnexp.results.stage import StageResult
from snnexp.track.apart import Apart
from snnexp.track.base import Tracker
from snnexp.track.console import Console
from snnexp.track.files import MetricsFile
from snnexp.track.flat import flat
from snnexp.track.none import NoTracker
from snnexp.track.wandb_mirror import Mirror, answered
from tests.support.fake_run import EPOCH, stage, trackers, whole_run
from tests.support.options import build_option, options
from tests.support.wandb_records import eventually, exit_codes, kept


class Failing(Tracker):
    """Fails at one act, and counts its calls."""

    def __init__(self, at: str):
        self.at = at
        self.calls: list[str] = []

    def _act(self, name: str) -> None:
        self.calls.append(name)
        if name == self.at:
            raise RuntimeError("no network\nand more")

    def start(self, run_dir, config, labels):
        self._act("start")

    def log(self, record):
        self._act("log")

    def result(self, result):
        self._act("result")

    def finish(self, exit_code):
        self._act("finish")


# The metrics file


def test_equal_records_give_equal_bytes_in_any_order_of_keys(tmp_path):
    for name, record in (("a", EPOCH), ("b", dict(reversed(EPOCH.items())))):
        (tmp_path / name).mkdir()
        MetricsFile(tmp_path / name).log(record)
    text = (tmp_path / "a" / "metrics.jsonl").read_bytes()
    assert text == (tmp_path / "b" / "metrics.jsonl").read_bytes()
    assert text == (
        b'{"stage": "pretrain", "epoch": 1, "test/accuracy": 96.5, "train/accuracy": 97.12, '
        b'"train/loss": 0.1234}\n'
    )


def test_equal_runs_give_equal_metrics_whatever_their_times(tmp_path):
    for name, seconds in (("a", 1.0), ("b", 2.0)):
        (tmp_path / name).mkdir()
        with trackers(tmp_path / name, NoTracker()) as run:
            run.epoch(EPOCH, 2, seconds)
            run.stage(stage(evaluate_seconds=seconds, train_seconds=seconds))
    assert (tmp_path / "a" / "metrics.jsonl").read_bytes() == (
        tmp_path / "b" / "metrics.jsonl"
    ).read_bytes()
    assert "spikes/hidden.1" in (tmp_path / "a" / "metrics.jsonl").read_text()


def test_a_record_is_in_the_file_as_soon_as_it_is_logged(tmp_path):
    metrics = MetricsFile(tmp_path)
    metrics.log({"stage": "a", "train/loss": math.nan, "test/accuracy": torch.tensor(50.0)})
    assert metrics.read() == [{"stage": "a", "train/loss": None, "test/accuracy": 50.0}]


def test_a_half_written_record_is_dropped(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo')
    metrics = MetricsFile(tmp_path)
    metrics.log({"epoch": 2})
    assert metrics.read() == [{"epoch": 1}, {"epoch": 2}] and metrics.text.count("\n") == 2


def test_a_resumed_run_keeps_its_records_and_a_new_one_begins_empty(tmp_path):
    for number in (1, 2, 3):
        MetricsFile(tmp_path).log({**EPOCH, "epoch": number})
    seen = Seen()
    kept = "".join((tmp_path / "metrics.jsonl").read_text().splitlines(keepends=True)[:2])
    with trackers(tmp_path, seen, records=kept) as run:
        assert [record["epoch"] for record in seen.records] == [1, 2]
        run.epoch({**EPOCH, "epoch": 3}, 3)
    assert [record["epoch"] for record in MetricsFile(tmp_path).read()] == [1, 2, 3]
    with trackers(tmp_path, NoTracker()) as run:
        assert run.metrics.read() == []


class Seen(NoTracker):
    """Keeps what it is told."""

    def __init__(self):
        self.records: list[dict] = []

    def log(self, record):
        self.records.append(record)


# Trackers that fail


@pytest.mark.parametrize("at", ["start", "log", "result", "finish"])
def test_a_failing_tracker_never_stops_a_run_and_is_reported_once(tmp_path, capsys, at):
    tracker = Failing(at)
    whole_run(tmp_path, tracker)
    errors = capsys.readouterr().err
    assert (
        errors.count("warning: Failing is off") == 1
        and "RuntimeError: no network" in errors
        and "and more" not in errors
    )
    assert len(MetricsFile(tmp_path).read()) == 5
    assert tracker.calls.count(at) == (2 if at == "finish" else 1)
    assert tracker.calls[-1] == "finish"
    assert not logging.getLogger("snnexp").handlers and logging.getLogger("snnexp").propagate


def test_a_tracker_learns_that_a_run_has_failed(tmp_path):
    codes = []
    tracker = NoTracker()
    tracker.finish = codes.append
    with pytest.raises(ValueError), trackers(tmp_path, tracker):
        raise ValueError
    with trackers(tmp_path, tracker):
        pass
    assert codes == [1, 0]


def test_the_metrics_file_may_stop_a_run(tmp_path):
    with pytest.raises(OSError), trackers(tmp_path, NoTracker()) as run:
        run.metrics.path.mkdir()
        run.epoch(EPOCH, 2)


@pytest.mark.parametrize("option", options("tracker"))
def test_every_option_is_a_tracker(option):
    assert isinstance(build_option("tracker", option), Tracker)


# W&B


class Here(Apart):
    """What is told to a process apart is done in this one."""

    def __init__(self, module, environment):
        self.mirror, self.answers = Mirror(), []

    def tell(self, value):
        self.answers.append(answered(self.mirror, value[0], json.loads(dumps(value[1]))))

    def answer(self, patience):
        return self.answers.pop(0) if self.answers else None

    def close(self, patience):
        pass

    def kill(self):
        self.mirror.leave()


class FakeWandb:
    """The part of the wandb module that the mirror calls; its runs, too."""

    id, starting_step = "abcd1234", 0

    def __init__(self, key: bool, reachable: bool):
        self.key, self.reachable = key, reachable
        self.calls, self.logged, self.defined = [], [], {}
        self.summary: dict = {}
        self.url = "https://wandb.example/run"
        self.plot = SimpleNamespace(line=lambda table, x, y, title: table)

    def setup(self, settings):
        assert settings == {"silent": True}

    def login(self, prompt, verify):
        assert not prompt and not verify  # neither a question on a terminal nor a long wait
        return self.key

    def init(self, **arguments):
        self.calls.append(arguments)
        if arguments["mode"] == "online" and not self.reachable:
            raise ConnectionError("timed out\nConsider increasing")
        self.dir = f"{arguments['dir']}/wandb/run/files"
        return self

    def Settings(self, **settings):
        return settings

    def Table(self, columns, data):
        return data

    def define_metric(self, name, step_metric=None, hidden=None):
        self.defined[name] = step_metric

    def log(self, values):
        self.logged.append(values)

    def finish(self, exit_code):
        self.exit_code = exit_code


def _wandb_run(folder, monkeypatch, mode="offline", key=True, reachable=True) -> FakeWandb:
    fake = FakeWandb(key, reachable)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.setattr("snnexp.track.wandb.Apart", Here)
    whole_run(folder, build_option("tracker", "wandb", {"mode": mode}))
    return fake


@pytest.mark.parametrize(
    "key, reachable, modes",
    [(True, True, ["online"]), (True, False, ["online", "offline"]), (False, True, ["offline"])],
)
def test_online_falls_back_to_offline_with_one_warning(
    tmp_path, capsys, monkeypatch, key, reachable, modes
):
    fake = _wandb_run(tmp_path, monkeypatch, "online", key, reachable)
    errors = capsys.readouterr().err
    assert [call["mode"] for call in fake.calls] == modes
    assert errors.count("warning") == (modes != ["online"])
    assert ("https://wandb.example/run" in errors) == (modes == ["online"])
    assert fake.exit_code == 0 and "Consider" not in errors


def test_a_server_that_has_not_taken_all_in_time_is_said_with_what_sends_the_rest(
    tmp_path, capsys, monkeypatch
):
    def late(self: FakeWandb, exit_code: int) -> None:
        raise TimeoutError

    monkeypatch.setattr(FakeWandb, "finish", late)
    _wandb_run(tmp_path, monkeypatch, "online")
    errors = capsys.readouterr().err
    assert errors.count("warning") == 1
    assert "W&B has not taken all of this run within " in errors
    assert f"`wandb sync {tmp_path}/wandb/run-*` sends the rest" in errors


def test_wandb_gets_plain_values_filed_under_labels_and_drawn_by_stage(tmp_path, monkeypatch):
    fake = _wandb_run(tmp_path, monkeypatch)
    (call,) = fake.calls
    assert (call["group"], call["job_type"], call["tags"], call["dir"]) == (
        "digits_lif",
        "finetune",
        ["neuron:lif", "encoder:direct", "experiment:digits_lif"],
        str(tmp_path),
    )
    assert call["config"]["neuron.leak"] == 0.5 and call["config"]["neuron"] == "lif"
    for name in ("pretrain", "finetune"):
        assert fake.defined[f"{name}/*"] == f"{name}/epoch"
    json.dumps([call["config"], fake.logged])


def test_every_stage_has_an_axis_and_the_epoch_counts_on_through_them(tmp_path, monkeypatch):
    logged = _wandb_run(tmp_path, monkeypatch).logged
    assert [(step.get("pretrain/epoch"), step.get("finetune/epoch")) for step in logged[:-1]] == [
        (1, None),
        (2, None),
        (2, None),
        (None, 1),
        (None, 3),
    ]
    assert logged[0]["pretrain/test/accuracy"] == 96.5 and "test/accuracy" not in logged[0]
    stages = [
        (values["stage"], values["epoch"], values["stage_epoch"])
        for values in logged
        if "stage" in values
    ]
    assert stages == [
        ("pretrain", 1, 1),
        ("pretrain", 2, 2),
        ("pretrain", 2, 2),
        ("finetune", 3, 1),
        ("finetune", 5, 3),
    ]


def test_wandb_gets_the_result(tmp_path, monkeypatch):
    fake = _wandb_run(tmp_path, monkeypatch)
    assert (
        fake.summary["accuracy"] == 96.5
        and fake.summary["gap"] == 3.34
        and fake.summary["stages/pretrain/accuracy"] == 90.0
    )
    assert fake.summary["energy_joule"] == fake.summary["stages/finetune/energy_joule"] == 1.23e-5
    assert fake.summary["spikes_per_neuron"] == 0.123 and fake.summary["timesteps"] == 4
    steps = [[1, 50.0], [2, 80.0], [3, 90.0], [4, 96.5]]
    assert fake.logged[-1]["accuracy_by_timestep"] == steps
    assert [row[-3:-1] for row in fake.logged[-1]["tables/accuracy_by_timestep"]][1:] == steps
    last = fake.logged[-2]
    assert last["finetune/spikes/hidden.1"] == 0.25 and last["finetune/operations/mac"] == 1.2e6


def test_nested_settings_get_the_keys_of_the_command_line():
    assert flat({"a": {"b": {"c": 1}, "d": [2]}, "e": None, "f": {}}) == {
        "a.b.c": 1,
        "a.d": [2],
        "e": None,
        "f": {},
    }


SECRET = "dummy0secret0" * 4
THREE_RUNS = """
import sys
from pathlib import Path
from tests.support.wandb_records import eventually, exit_codes, kept
from tests.support.fake_run import LABELS, trackers, wandb_tracker, whole_run

root = Path(sys.argv[1])
for name in ("raised", "abandoned", "good"):
    (root / name).mkdir()
new = lambda: wandb_tracker("offline", 5.0, 5.0)
try:
    with trackers(root / "raised", new()) as run:
        raise ValueError
except ValueError:
    pass
new().start(root / "abandoned", {"which": "abandoned"}, LABELS)
whole_run(root / "good", new())
"""


@pytest.fixture(scope="module")
def three_runs(tmp_path_factory) -> Path:
    """Three runs in one process, the first of which raised and the second of which never finished,
    as W&B keeps them offline.
    """
    root = tmp_path_factory.mktemp("wandb")
    (root / "home").mkdir()
    there = str(Path(__file__).parents[2])
    environment = {
        **os.environ,
        "HOME": str(root / "home"),
        "WANDB_API_KEY": SECRET,
        "PYTHONPATH": there,
        "HOSTNAME": "secret-host",
    }
    command = [sys.executable, "-c", THREE_RUNS, str(root), f"--key={SECRET}"]
    done = subprocess.run(
        command, env=environment, cwd=root, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and "warning" not in done.stderr.lower(), done.stderr
    assert eventually(
        lambda: "exit" in kept(root / "abandoned")
    )  # its process closes it when it sees that the run is gone
    return root


@pytest.mark.slow
def test_runs_of_one_process_stay_separate(three_runs):
    raised, good, abandoned = (kept(three_runs / name) for name in ("raised", "good", "abandoned"))
    assert exit_codes(raised) == [1] and "history" not in raised
    assert exit_codes(good) == [0] and len(good["history"]) == 6
    run = good["run"][0]
    assert run["run_id"] != raised["run"][0]["run_id"] and not run.get("host")
    assert (run["run_group"], run["job_type"], run["tags"]) == (
        "digits_lif",
        "finetune",
        ["neuron:lif", "encoder:direct", "experiment:digits_lif"],
    )
    assert run["config"]["update"]["neuron.leak"] == 0.5
    assert abandoned["run"][0]["config"]["update"]["which"] == "abandoned" and exit_codes(
        abandoned
    ) == [1]


@pytest.mark.slow
def test_no_file_of_a_run_holds_a_secret_or_the_command_line(three_runs):
    files = [path for path in three_runs.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len([path for path in files if path.suffix == ".wandb"]) == 3
    for path in files:
        assert SECRET.encode() not in path.read_bytes(), path
        assert b"--key=" not in path.read_bytes() and path.name not in (
            "wandb-metadata.json",
            "requirements.txt",
        ), path


# The terminal


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def plain_environment(monkeypatch):
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_an_epoch_is_one_line():
    line = epoch_line({**EPOCH, "stage": "finetune", "epoch": 3}, 20, 12.34)
    assert line == "finetune  epoch  3/20  loss 0.1234  train 97.12 %  test 96.50 %  12.3 s"
    assert (
        epoch_line({"stage": "a", "epoch": 1, "train/loss": math.nan}, 2, None)
        == "a  epoch 1/2  loss nan"
    )


def test_away_from_a_terminal_there_are_plain_lines_only(
    tmp_path, capsys, monkeypatch, plain_environment
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    whole_run(tmp_path, NoTracker())
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"run folder  {tmp_path}"
    assert lines[2] == "pretrain  epoch 2/2  loss 0.1234  train 97.12 %  test 96.50 %  12.3 s"
    assert lines[3] == "pretrain  finished  test 96.50 % at T = 4  0.123 spikes per neuron"
    assert len(lines) == 6 and not any("\x1b" in line for line in lines)


def test_the_log_has_the_lines_of_the_terminal_and_the_table(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    whole_run(tmp_path, NoTracker())
    log = (tmp_path / "train.log").read_text()
    assert log.startswith(capsys.readouterr().err)
    assert "published accuracy" in log and "\x1b" not in log


@pytest.mark.parametrize(
    "stream, term, progress, drawn",
    [
        (Terminal, "xterm", "auto", True),
        (Terminal, "dumb", "auto", False),
        (Terminal, "xterm", "plain", False),
        (io.StringIO, "xterm", "auto", False),
    ],
)
def test_what_goes_on_is_drawn_on_an_interactive_terminal_only(
    tmp_path, monkeypatch, plain_environment, stream, term, progress, drawn
):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stderr", stream())
    console = Console(tmp_path, progress)
    console.start()
    with within("finetune"), within("epoch  1/20"), doing("training", 7, "batches") as work:
        work.advance(3)
        console.epoch({**EPOCH, "epoch": 1}, 20, 1.0)
        console.close()
    shown = sys.stderr.getvalue()
    assert (
        ("\x1b" in shown) == drawn
        and ("3/7 batches" in shown) == drawn
        and ("training finetune  epoch  1/20" in shown) == drawn
    )
    assert "pretrain  epoch  1/20  loss 0.1234" in shown


def test_no_color_is_respected(tmp_path, monkeypatch, plain_environment):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", Terminal())
    summary(stage(), tmp_path)
    assert "\x1b[3" not in sys.stdout.getvalue()


def test_a_terminal_that_goes_away_does_not_stop_the_run(tmp_path, monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stderr", Gone())
    whole_run(tmp_path, NoTracker())
    assert "finetune  finished" in (tmp_path / "train.log").read_text()


def test_what_the_package_logs_goes_to_terminal_and_log(tmp_path, capsys):
    with trackers(tmp_path, NoTracker()):
        logging.getLogger("snnexp.stages").warning("the rate is %s", 0)
    said = f"run folder  {tmp_path}\nwarning: the rate is 0\n"
    assert capsys.readouterr().err == said
    assert (tmp_path / "train.log").read_text() == said


def test_the_summary_names_what_a_reader_looks_for(tmp_path, capsys):
    summary(stage(), tmp_path / ("long" * 30))
    page = capsys.readouterr().out
    for text in (
        "96.50 % at T = 4",
        "93.16 % at T = 6",
        "+3.34",
        "0.123",
        "1.2 M MAC, 3.4 k AC",
        "12.3 uJ, 0.5 times the ANN's 24.6 uJ",
    ):
        assert text in page
    assert (
        "t=1 50.00  t=2 80.00  t=4 96.50" in page
        and f"run folder  {tmp_path / ('long' * 30)}" in page
    )


def test_the_summary_says_that_undecided_images_count_as_wrong(tmp_path, capsys):
    summary(stage(undecided=12.5), tmp_path)
    assert "12.50 %, no class ahead of all others; wrong" in capsys.readouterr().out


def test_accuracies_over_time_break_between_figures_only():
    line = timesteps_line([float(n) for n in range(64)])
    assert folded(line, 40) == [
        "accuracy in % at  t=1 0.00  t=2 1.00",
        "  t=4 3.00  t=8 7.00  t=16 15.00",
        "  t=32 31.00  t=64 63.00",
    ]


def test_a_loss_of_many_digits_is_told_by_three():
    line = epoch_line({**EPOCH, "train/loss": 1.2345e32}, 20, 1.0)
    assert "loss 1.23e+32" in line


def test_the_summary_of_a_run_without_reference_and_spikes(tmp_path, capsys):
    summary(
        StageResult.from_json({"accuracy": 9.0, "accuracy_by_timestep": [9.0], "timesteps": 1}),
        tmp_path,
    )
    page = capsys.readouterr().out
    assert "9.00 % at T = 1" in page and "published" not in page


def test_accuracy_is_shown_at_powers_of_two_and_at_the_end():
    assert (
        timesteps_line([1.0, 2.0, 3.0, 4.0, 5.0, None])
        == "accuracy in % at  t=1 1.00  t=2 2.00  t=4 4.00  t=6 nan"
    )
    assert timesteps_line([5.0]) == "accuracy in % at  t=1 5.00"


@pytest.mark.parametrize(
    "value, text",
    [(0.0, "0 J"), (1.5e-12, "1.5 pJ"), (0.25, "250 mJ"), (2e13, "20 TJ"), (1e-15, "1e-15 J")],
)
def test_quantities_have_prefixes(value, text):
    assert in_units(value, "J") == text
