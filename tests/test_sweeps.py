"""Sweeps through the launchers and sweepers of Hydra's plugins, each for real: `pip install '.[sweep]'` for all of them."""

import json
import os

import pytest
import yaml

from snnexp.cli.objective import objective
from snnexp.track.files import MetricsFile
from tests.options import options
from tests.shell import Answer, answer, start

TINY = ("epochs=1", "tracker=none", "timesteps=2", "architecture=mlp", "architecture.widths=[16]", "hydra.sweep.dir=sweep")


def needs(plugin: str) -> None:
    pytest.importorskip(f"hydra_plugins.{plugin}", reason=f"{plugin} is not installed: pip install '.[sweep]'")


def sweep(folder, *words: str) -> Answer:
    return answer(start("train", "-m", *TINY, *words, folder=folder))


def finished(folder) -> dict[str, dict]:
    """The results by the name of the job's folder."""
    return {path.parent.name: json.loads(path.read_text()) for path in sorted(folder.glob("sweep/*/result.json"))}


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        ("hydra_joblib_launcher", ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]),
        ("hydra_submitit_launcher", ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"]),
    ],
)
def test_jobs_in_processes_of_their_own(plugin, words, tmp_path):
    needs(plugin)
    told = sweep(tmp_path, *words, "dataset=digits,mnist", "data_dir=nowhere", "+experiment=quickstart")
    results = finished(tmp_path)
    assert told.code == 3 and list(results) == ["0_s1"], told
    assert results["0_s1"]["dataset"] == "digits" and results["0_s1"]["experiment"] == "quickstart"
    states = {name: json.loads((tmp_path / "sweep" / name / "status.json").read_text()) for name in ("0_s1", "1_s1")}
    assert states["0_s1"]["pid"] != os.getpid() and [each["exit_code"] for each in states.values()] == [0, 3]
    assert all(word in told.out for word in ("dataset=digits", "dataset=mnist", "finished", "failed"))
    assert set(tmp_path.iterdir()) == {tmp_path / "sweep"}  # the folder of a sweep is one, whoever resolves its name


def test_the_same_job_in_another_process_gives_the_same_numbers(tmp_path):
    needs("hydra_joblib_launcher")
    for name, words in (("alone", []), ("beside", ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"])):
        (tmp_path / name).mkdir()
        assert sweep(tmp_path / name, *words, "seed=1,2").code == 0
    files = [[(tmp_path / name / "sweep" / job / "metrics.jsonl").read_bytes() for job in ("0_s1", "1_s2")] for name in ("alone", "beside")]
    assert files[0] == files[1] and files[0][0] != files[0][1]


def test_optuna_maximises(tmp_path):
    needs("hydra_optuna_sweeper")
    told = sweep(tmp_path, "+search=surrogate", "hydra.sweeper.n_trials=3")
    results = finished(tmp_path)
    assert told.code == 0 and len(results) == 3, told
    best = yaml.safe_load((tmp_path / "sweep" / "optimization_results.yaml").read_text())
    values = {name: objective(result, tmp_path / "sweep" / name) for name, result in results.items()}
    assert best["best_value"] == max(values.values()) > min(values.values())
    assert set(best["best_params"]) == {"surrogate", "surrogate.width", "neuron.leak", "optimizer.lr"}


def test_a_study_on_the_disk_goes_on(tmp_path):
    needs("hydra_optuna_sweeper")
    words = ["hydra/sweeper=optuna", "hydra.sweeper.n_jobs=1", "hydra.sweeper.n_trials=1", "hydra.sweeper.direction=maximize"]
    words += ["hydra.sweeper.storage=sqlite:///study.db", "hydra.sweeper.study_name=leak", "neuron.leak=interval(0.5,0.9)"]
    for _ in range(2):
        told = sweep(tmp_path, *words, "hydra.sweep.dir=${snnexp.stamp:sweep}")
        assert told.code == 0, told
    optuna = pytest.importorskip("optuna")
    assert len(optuna.load_study(study_name="leak", storage=f"sqlite:///{tmp_path}/study.db").trials) == 2


@pytest.mark.parametrize(
    ("plugin", "choice", "words"),
    [
        ("hydra_submitit_launcher", "hydra/launcher=submitit_slurm", ["SlurmLauncher", "timeout_min: 30"]),
        ("hydra_optuna_sweeper", "+search=surrogate", ["OptunaSweeper", "n_trials: 30"]),
    ],
)
def test_what_cannot_be_run_here_composes(plugin, choice, words, tmp_path):
    needs(plugin)
    changes = ["hydra.launcher.timeout_min=30"] if "launcher" in choice else []
    told = answer(start("train", "-m", choice, *changes, "--cfg", "hydra", folder=tmp_path))
    assert told.code == 0 and all(word in told.out for word in words), told


def test_a_launcher_that_cannot_launch_says_so(tmp_path):
    needs("hydra_submitit_launcher")
    told = sweep(tmp_path, "hydra/launcher=submitit_slurm", "seed=1,2")
    assert told.code == 1 and "snnexp: " in told.err and "slurm" in told.err, told


def test_a_search_without_its_plugin_says_what_there_is(tmp_path):
    try:
        import hydra_plugins.hydra_optuna_sweeper  # noqa: F401
    except ImportError:
        told = sweep(tmp_path, f"+search={options('search')[0]}")
        assert told.code == 2 and "hydra/sweeper: there is no option 'optuna'" in told.err
    else:
        pytest.skip("hydra_optuna_sweeper is installed")


# What a sweeper is told


@pytest.mark.parametrize(("selection", "value"), [("last", 60.0), ("best_test", 60.0), ("best_validation", 80.0)])
def test_the_objective_is_the_validation_accuracy_of_the_last_stage(selection, value, tmp_path):
    file = MetricsFile(tmp_path)
    for stage, accuracy in (("pretrain", 99.0), ("finetune", 80.0), ("finetune", 60.0)):
        file.log({"stage": stage, "epoch": 1, "validation/accuracy": accuracy, "test/accuracy": 1.0})
    file.log({"stage": "finetune", "epoch": 2, "test/accuracy": 50.0})
    assert objective({"stage": "finetune", "accuracy": 50.0, "selection": selection}, tmp_path) == value


def test_without_a_split_the_objective_is_the_test_accuracy(tmp_path):
    MetricsFile(tmp_path).log({"stage": "pretrain", "epoch": 1, "validation/accuracy": 99.0, "test/accuracy": 1.0})
    assert objective({"stage": "convert", "accuracy": 50.0}, tmp_path) == 50.0
