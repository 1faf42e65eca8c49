"""TensorBoard, a table, and several trackers at once."""

import csv
import json
import socket
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from snnexp.composition.compose import composed
from snnexp.composition.since import completed
from snnexp.configuration import build
from snnexp.configuration.build import tracker_nodes
from snnexp.configuration.check import check
from snnexp.errors import ConfigError
from snnexp.jobs.folder import resolved
from snnexp.results.run import RunResult
from snnexp.track.base import Tracker
from snnexp.track.csv import MetricsTable
from snnexp.track.none import NoTracker
from snnexp.track.tables import tables
from snnexp.track.tensorboard import FILE, TensorBoard
from snnexp.track.trackers import Trackers
from tests.support.fake_run import CONFIG, EPOCH, LABELS, RESULT, trackers, whole_run

# A table


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_a_row_for_every_record(tmp_path):
    whole_run(tmp_path, MetricsTable())
    found = rows(tmp_path)
    assert [(row["stage"], row["epoch"]) for row in found] == [
        ("pretrain", "1"),
        ("pretrain", "2"),
        ("pretrain", "2"),
        ("finetune", "1"),
        ("finetune", "3"),
    ]
    assert float(found[0]["train/loss"]) == 0.1234 and found[0]["operations/mac"] == ""
    assert float(found[-1]["operations/mac"]) == 1.2e6 and found[-1]["train/loss"] == ""


def test_the_table_of_a_resumed_run_has_every_row_once(tmp_path):
    for records in (0, 1):
        kept = (tmp_path / "metrics.jsonl").read_text() if records else ""
        with trackers(tmp_path, MetricsTable(), records=kept) as run:
            run.epoch({**EPOCH, "epoch": records + 1}, 2)
    assert [row["epoch"] for row in rows(tmp_path)] == ["1", "2"]


# TensorBoard


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    whole_run(folder, TensorBoard())
    return folder / "tensorboard"


@pytest.mark.slow
def test_tensorboard_reads_the_metrics_by_stage(events):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(events))
    reader.Reload()

    def points(tag):
        return [(point.step, round(point.value, 4)) for point in reader.Scalars(tag)]

    assert points("pretrain/train/loss") == [(1, 0.1234), (2, 0.1234)]
    assert points("finetune/test/accuracy") == [(1, 96.5), (3, 96.5)]
    assert points("accuracy_by_timestep") == [(1, 50.0), (2, 80.0), (3, 90.0), (4, 96.5)]
    assert points("result/spikes_per_neuron") == [(0, 0.123)]
    tags = reader.PluginTagToContent("hparams")
    assert b"neuron.leak" in tags["_hparams_/session_start_info"]


def test_the_file_does_not_name_the_host(events):
    assert [path.name for path in events.iterdir()] == [FILE]
    assert socket.gethostname() not in FILE


@pytest.mark.slow
def test_a_tracker_that_is_not_installed_is_said_before_the_run(monkeypatch):
    rule = "snnexp.configuration.rules.tracker.find_spec"
    monkeypatch.setattr(rule, lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'snnexp\[tensorboard\]'") as error:
        check(resolved(composed(["tracker=tensorboard"])))
    assert "tracker.tensorboard: " in str(error.value)
    check(resolved(composed(["tracker=csv"])))


# Several at once


@pytest.mark.slow
@pytest.mark.parametrize(
    "words, kinds",
    [
        (["tracker=csv"], ["MetricsTable"]),
        (["tracker=none"], ["NoTracker"]),
        (["tracker=[wandb,tensorboard]", "tracker.mode=online"], ["WandbTracker", "TensorBoard"]),
        (["tracker=[csv,tensorboard]"], ["MetricsTable", "TensorBoard"]),
        (["+tracker@tracker.mine=csv"], ["WandbTracker", "MetricsTable"]),
    ],
)
def test_trackers_are_chosen_as_a_list(words, kinds):
    config = resolved(composed(words))
    check(config)
    assert [type(tracker).__name__ for tracker in build.trackers(config)] == kinds


def test_what_is_wrong_with_one_of_several_is_said_of_it():
    config = resolved(composed(["tracker=[wandb,csv]", "+tracker.csv.delimiter=tab"]))
    with pytest.raises(ConfigError, match="tracker.csv.delimiter: MetricsTable takes no such"):
        check(config)
    with pytest.raises(ConfigError, match="tracker: expected a component"):
        check({**config, "tracker": {"mode": "offline"}})
    with pytest.raises(ConfigError, match="tracker: expected a component"):
        check({**config, "tracker": None})
    assert tracker_nodes({}) == {"tracker": {}}


class Broken(NoTracker):
    def log(self, record):
        raise RuntimeError("disk on fire")


def test_one_that_fails_leaves_the_others_going(tmp_path, capsys):
    chosen: list[Tracker] = [Broken(), MetricsTable()]
    with Trackers(tmp_path, CONFIG, LABELS, chosen, "auto") as run:
        for number in (1, 2):
            run.epoch({**EPOCH, "epoch": number}, 2)
        run.result(RunResult.from_json(RESULT))
    assert len(rows(tmp_path)) == 2
    assert capsys.readouterr().err.count("Broken is off") == 1


@pytest.mark.slow
def test_the_configuration_of_an_older_run_still_opens():
    config = OmegaConf.create(resolved(composed([])))
    before = {"mode": "online", "project": "snn", "entity": None}
    times = {"start_timeout": 10.0, "finish_timeout": 15.0}
    config.tracker = {"_target_": "snnexp.track.wandb.WandbTracker", **before, **times}
    now = resolved(completed(config))
    check(now)
    (tracker,) = build.trackers(now)
    assert tracker.mode == "online" and tracker.given.project == "snn"
    assert not tracker.weights and not tracker.system_metrics


# Tables


def test_tables_have_the_same_columns_in_every_run_and_say_which_run_a_row_is_of():
    found = tables(RunResult.from_json(RESULT), "my run")
    other = tables(RunResult.from_json({**RESULT, "stages": {}}), "another")
    assert {name: table.columns for name, table in found.items()} == {
        name: table.columns for name, table in other.items()
    }
    assert found["accuracy_by_timestep"].rows[-1] == (
        *("my run", "digits_lif", None, None, "finetune", True),
        *(4, 96.5, None),
    )
    (layer,) = found["layers"].rows
    assert layer[6:] == (1, "hidden.1", 10, 4, 0.25, 0.0625)
    assert [row[:1] + row[4:6] for row in found["stages"].rows] == [
        ("my run", "pretrain", False),
        ("my run", "finetune", True),
    ]
    json.dumps(found)
