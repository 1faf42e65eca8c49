"""Sweeps as they are typed: one folder, one table, every job checked before the first."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from snnexp.cli.sweep_jobs import Job
from snnexp.cli.sweep_table import best_trials
from snnexp.report.front import front
from snnexp.results.read import read_result
from snnexp.results.run import RunResult
from tests.support.command_line import Answer

SMALL = (
    "epochs=1",
    "tracker=none",
    "progress=plain",
    "architecture=mlp",
    "architecture.widths=[8]",
    "dataset.validation=1337",
    "evaluate.images=20",
)
GRID = ("-m", *SMALL, "strategy=bptt,conversion", "timesteps=2,4", "seed=1,2")
TAKEN = "3_bptt_timesteps-4_s2"


def table(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "sweep.csv").read_text().splitlines()))


# Strategies, T and seeds


@pytest.fixture(scope="module")
def grid(shell, tmp_path_factory) -> tuple[Path, Answer, Answer, list[dict[str, str]]]:
    """2 strategies x 2 T x 2 seeds in a folder where one job's place is taken, and the command
    that was said then.
    """
    folder = tmp_path_factory.mktemp("grid")
    shell.folder = folder
    taken = folder / "sweep" / TAKEN
    taken.mkdir(parents=True)
    (taken / "status.json").write_text(json.dumps({"status": "finished"}))
    (taken / "config.yaml").write_text("timesteps: 99\n")
    first = shell("train", *GRID, "hydra.sweep.dir=sweep")
    before = table(folder / "sweep")
    shutil.rmtree(taken)
    return folder / "sweep", first, shell("train", *GRID, "hydra.sweep.dir=sweep"), before


@pytest.mark.slow
def test_a_grid_has_one_folder_one_table_and_one_picture(grid):
    folder, _, told, _ = grid
    assert told.code == 0, told
    jobs = [path for path in folder.iterdir() if path.is_dir()]
    assert len(jobs) == 8 and folder / "7_conversion_timesteps-4_s2" in jobs
    assert (folder / "sweep.png").read_bytes().startswith(b"\x89PNG")
    kinds = [row["kind"] for row in table(folder)]
    assert (kinds.count("job"), kinds.count("mean")) == (8, 4)
    assert re.search(r"^job +strategy +T +seed +val\. % +test % +spikes +energy .J", told.out, re.M)
    assert sum(line.startswith("mean/2 ") for line in told.out.splitlines()) == 4


@pytest.mark.slow
def test_means_and_deviations_are_those_of_the_seeds(grid):
    folder, *_ = grid
    names = [f"{number}_conversion_timesteps-2_s{number - 3}" for number in (4, 5)]
    results = [read_result(folder / name / "result.json") for name in names]
    spikes = [result.last.spikes_per_inference for result in results]
    mean = sum(spikes) / 2
    deviation = (sum((each - mean) ** 2 for each in spikes)) ** 0.5
    (row,) = (
        row
        for row in table(folder)
        if row["kind"] == "mean" and "strategy=conversion timesteps=2" in row["overrides"]
    )
    assert float(row["spikes"]) == pytest.approx(mean)
    assert float(row["spikes_deviation"]) == pytest.approx(deviation)
    assert float(row["timesteps"]) == 2 and row["energy"] and row["time"] and row["accuracy"]


@pytest.mark.slow
def test_a_job_that_fails_is_named_and_the_sweep_started_again_runs_what_is_missing(grid):
    folder, first, again, before = grid
    assert first.code == 1
    assert TAKEN in first.err and "another configuration" in first.err
    assert "the sweep goes on with: snnexp train -m" in first.err
    assert [row["accuracy"] != "" for row in before if row["kind"] == "job"].count(False) == 1
    assert again.err.count("its result is taken") == 7
    assert (folder / TAKEN / "result.json").exists()


@pytest.mark.slow
def test_a_sweep_is_compared_by_its_folder_or_what_is_in_it(grid, shell):
    folder, *_ = grid
    whole = shell("compare", str(folder), "--format", "csv")
    assert whole.code == 0 and len(whole.out.splitlines()[0].split(",")) == 10, whole.err
    named = shell("compare", *map(str, sorted(folder.iterdir())), "--format", "csv")
    assert named.code == 0 and sorted(re.split("[,\n]", named.out)) == sorted(
        re.split("[,\n]", whole.out)
    )


@pytest.mark.slow
def test_a_strategy_says_once_what_it_brings_and_jobs_know_their_sweep(grid):
    folder, first, _, _ = grid
    line = "snnexp: strategy=conversion brings neuron=if, neuron.amplitude=threshold\n"
    assert first.err.count(line) == 1
    result = read_result(folder / "7_conversion_timesteps-4_s2" / "result.json")
    assert (result.last.neuron, result.last.strategy) == ("if", "conversion")
    assert "sweep_dir: sweep\n" in (folder / TAKEN / "config.yaml").read_text()


# Experiments, options and own options


@pytest.mark.slow
def test_a_sweep_over_experiments_and_options_has_one_table(snnexp, tmp_path):
    words = ("+experiment=glob(digits_l*y)", "encoder=direct,latency", "epochs=1")
    told = snnexp("train", "-m", *SMALL[1:3], *SMALL[5:], *words)
    assert told.code == 0, told
    (folder,) = (tmp_path / "outputs" / "sweep").iterdir()
    assert list((tmp_path / "outputs").iterdir()) == [folder.parent]
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    assert names == ["0_digits_latency_direct_s1", "1_digits_latency_latency_s1"]
    assert [row["status"] for row in table(folder)] == ["finished"] * 2


@pytest.mark.slow
def test_own_options_are_found_in_a_sweep(snnexp, tmp_path):
    (tmp_path / "own" / "neuron").mkdir(parents=True)
    own = "_target_: snnexp.neurons.if_.IF\norder: fire_after\nthreshold: 0.5\nreset: soft\n"
    own += "detach_reset: true\ninitial_potential: 0.0\namplitude: unit\n"
    (tmp_path / "own" / "neuron" / "mine.yaml").write_text(own)
    for words in (
        ("--config-dir", "own"),
        (f"hydra.searchpath=[file://{tmp_path / 'own'}]",),
    ):
        told = snnexp("train", "-m", *words, "neuron=mine,lif", "neuron.leak=0.5")
        assert told.code == 2 and "there is no key 'neuron.leak'" in told.err, told
    told = snnexp("train", "-m", "--config-dir", "own", *SMALL, "neuron=mine", "epochs=0")
    assert told.code == 0 and "0_s1" in told.out, told


# What is wrong is said before the first job


@pytest.mark.slow
def test_every_combination_is_checked_before_the_first_job(snnexp, tmp_path):
    told = snnexp("train", "-m", "neuron.threshold=1,-1", "neuron.leak=0.5,2", "seed=1,2")
    assert told.code == 2 and list(tmp_path.iterdir()) == []
    assert "neuron.leak: expected a number in [0, 1], got 2" in told.err
    assert "4 of 8 jobs, with neuron.threshold=-1\n" in told.err
    together = ("strategy=bptt,conversion", "neuron=if,lif")
    told = snnexp("train", "-m", *together)
    assert told.code == 2 and list(tmp_path.iterdir()) == []
    assert "conversion needs neurons without leak" in told.err
    assert "1 of 4 jobs, with strategy=conversion neuron=lif" in told.err


# Searches


@pytest.mark.slow
def test_a_search_tells_the_front_of_two_objectives(snnexp, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="needs the extra 'sweep'")
    words = ("+search=accuracy_and_spikes", "hydra.sweeper.n_trials=3", "hydra.sweep.dir=sweep")
    told = snnexp("train", "-m", *SMALL, *words)
    assert told.code == 0 and "front, no trial of which another beats:" in told.out, told
    assert "by which it was not chosen" in told.out and (tmp_path / "sweep" / "sweep.png").exists()


def test_the_front_is_what_no_other_beats():
    assert front([(90.0, -5.0), (80.0, -9.0), (95.0, -20.0), (90.0, -6.0)]) == [2, 0]
    assert front([(1.0,), (3.0,), (2.0,)]) == [1]


def test_the_best_trial_is_that_of_the_validation_split():
    jobs = []
    for number, (validation, test) in enumerate([(90.0, 50.0), (80.0, 99.0)]):
        found = {"accuracy": test, "accuracy_by_timestep": [test], "stages": {}}
        result = RunResult.from_json({**found, "validation_accuracy": validation})
        jobs.append(Job(f"{number}_s1", [f"neuron.leak=0.{number}"], "finished", "", result))
    title, line = best_trials(jobs, ["accuracy"])
    assert title == "best trial:" and line.startswith("  job 0  val. 90.00 %")
    assert "(test 50.00 %" in line and "by which it was not chosen" in line
