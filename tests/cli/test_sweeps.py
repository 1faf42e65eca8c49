"""Sweeps through the launchers and sweepers of Hydra's plugins, each for real: `pip install
'.[sweep]'` for all of them.
"""

import json
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hydra._internal.core_plugins.basic_sweeper import BasicSweeperConf
from omegaconf import OmegaConf

from snnexp.cli.objective import check_sweeper, objective
from snnexp.cli.sweep import Sweep
from snnexp.errors import ConfigError
from snnexp.results.read import read_result
from snnexp.results.run import RunResult
from tests.support.command_line import Answer, environment
from tests.support.options import options

TINY = ("epochs=1", "tracker=none", "timesteps=2", "architecture=mlp", "architecture.widths=[16]")
SWEEP = ("-m", *TINY, "hydra.sweep.dir=sweep")


def needs(plugin: str) -> None:
    pytest.importorskip(
        f"hydra_plugins.{plugin}", reason=f"{plugin} is not installed: pip install '.[sweep]'"
    )


def own_process(*words: str, folder: Path) -> tuple[Answer, int]:
    """What a command says whose children write to the same terminal, so that a `Shell` could not
    tell its answer from theirs; its id.
    """
    command, pipes = (
        [sys.executable, "-m", "snnexp", *words],
        {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True},
    )
    with subprocess.Popen(command, cwd=folder, env=environment(), **pipes) as process:
        out, err = process.communicate()
    return Answer(process.returncode, out, err), process.pid


def metrics(folder: Path, job: str) -> bytes:
    return (folder / job / "metrics.jsonl").read_bytes()


@pytest.fixture(scope="module")
def alone(shell) -> bytes:
    """What a job measures that no launcher started."""
    assert shell("train", *TINY, "hydra.run.dir=alone").code == 0
    return metrics(shell.folder, "alone")


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        ("hydra_joblib_launcher", ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]),
        (
            "hydra_submitit_launcher",
            ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=30"],
        ),
    ],
)
def test_jobs_in_processes_of_their_own(plugin, words, request, tmp_path):
    needs(plugin)
    told, process = own_process(
        "train",
        *SWEEP,
        *words,
        "dataset=digits,mnist",
        "data_dir=nowhere",
        "+experiment=quickstart",
        folder=tmp_path,
    )
    assert told.code == 1 and all(
        word in told.out for word in ("digits", "finished", "mnist", "failed")
    ), told
    if plugin == "hydra_joblib_launcher":  # whose jobs write to the same terminal
        assert re.search(r"^\[0\] train +epoch 1/1 ", told.err, re.MULTILINE)
        assert "[1] snnexp: DataError: " in told.err
    states = [
        json.loads((tmp_path / "sweep" / job / "status.json").read_text())
        for job in ("0_digits_s1", "1_mnist_s1")
    ]
    assert [each["exit_code"] for each in states] == [0, 3] and process not in {
        each["pid"] for each in states
    }
    result = json.loads((tmp_path / "sweep" / "0_digits_s1" / "result.json").read_text())
    assert (result["dataset"], result["experiment"]) == ("digits", "quickstart") and metrics(
        tmp_path / "sweep", "0_digits_s1"
    ) == request.getfixturevalue("alone")
    assert list(tmp_path.iterdir()) == [tmp_path / "sweep"]


@pytest.mark.slow
def test_jobs_of_a_launcher_share_the_folder_of_their_sweep(snnexp, tmp_path):
    needs("hydra_submitit_launcher")
    launcher = ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=30"]
    snnexp(
        "train",
        "-m",
        *TINY,
        *launcher,
        "data_dir=nowhere",
        "dataset=mnist",
        "seed=1,2",
        "hydra.launcher.submitit_folder=logs",
    )
    (folder,) = (
        tmp_path / "outputs" / "sweep"
    ).iterdir()  # its name has a time and random digits, which every job resolves
    assert sorted(path.name for path in folder.iterdir()) == [
        "0_s1",
        "1_s2",
        "multirun.yaml",
        "sweep.csv",
        "sweep.json",
    ]


def test_optuna_maximises(snnexp, tmp_path):
    needs("hydra_optuna_sweeper")
    told = snnexp("train", *SWEEP, "+search=surrogate", "hydra.sweeper.n_trials=3")
    jobs = [path.parent for path in sorted(tmp_path.glob("sweep/*/result.json"))]
    assert told.code == 0 and len(jobs) == 3, told
    best = yaml.safe_load((tmp_path / "sweep" / "optimization_results.yaml").read_text())
    values = [objective(read_result(job / "result.json")) for job in jobs]
    assert best["best_value"] == max(values) > min(values)
    best_job = values.index(max(values))
    assert f"best trial:\n  job {best_job}  val. {max(values):.2f} %  (test " in told.out
    assert set(best["best_params"]) == {
        "surrogate",
        "surrogate.width",
        "neuron.leak",
        "optimizer.lr",
    }


@pytest.mark.filterwarnings("ignore")  # Optuna 2 is older than what it stands on
def test_a_study_can_be_kept(tmp_path):
    needs("hydra_optuna_sweeper")
    optuna = pytest.importorskip("optuna")
    for count in (1, 2):
        study = optuna.create_study(
            storage=f"sqlite:///{tmp_path}/study.db", study_name="leak", load_if_exists=True
        )
        study.tell(study.ask(), 1.0)
        assert len(study.trials) == count


@pytest.mark.parametrize(
    ("plugin", "words", "shown"),
    [
        (
            "hydra_submitit_launcher",
            ["hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu"],
            ["SlurmLauncher", "partition: gpu"],
        ),
        (
            "hydra_optuna_sweeper",
            ["+search=surrogate", "seed=7"],
            ["OptunaSweeper", "direction: maximize", "seed: ${seed}"],
        ),
    ],
)
def test_what_needs_more_than_this_machine_composes(plugin, words, shown, snnexp):
    needs(plugin)
    told = snnexp("train", *words, "--cfg", "hydra")
    assert told.code == 0 and all(word in told.out for word in shown), told


def test_a_launcher_that_cannot_launch_says_so(snnexp):
    needs("hydra_submitit_launcher")
    told = snnexp("train", *SWEEP, "hydra/launcher=submitit_slurm", "seed=1,2", PATH="/nonexistent")
    assert told.code == 1 and "snnexp: " in told.err and "srun" in told.err, told


@pytest.mark.slow
def test_a_search_without_its_plugin_says_what_there_is(snnexp):
    try:
        import hydra_plugins.hydra_optuna_sweeper  # noqa: F401
    except ImportError:
        told = snnexp("train", *SWEEP, f"+search={options('search')[0]}")
        assert told.code == 2 and "hydra/sweeper: there is no option 'optuna'" in told.err
    else:
        pytest.skip("hydra_optuna_sweeper is installed")


# What a sweeper is told


def test_the_objective_is_the_validation_accuracy_where_there_is_one():
    found = {"accuracy": 50.0, "accuracy_by_timestep": [50.0], "stages": {}}
    assert objective(RunResult.from_json(found)) == 50.0
    assert objective(RunResult.from_json({**found, "validation_accuracy": 60.0})) == 60.0


def test_a_search_for_the_worst_is_refused():
    config = OmegaConf.create({"dataset": {"validation": 1}, "selection": "last"})
    with pytest.raises(
        ConfigError,
        match="hydra.sweeper.direction: 'minimize' looks for the worst accuracy; set .*=maximize",
    ):
        check_sweeper(config, "a.sweeper.that.Chooses", "minimize")
    check_sweeper(config, "a.sweeper.that.Chooses", "maximize")


def test_a_job_whose_process_is_gone_does_not_run(tmp_path, capsys):
    state = {
        "status": "running",
        "pid": 2**22 + 1,
        "process_born": "1",
        "host": platform.node(),
        "started": "now",
    }
    for job, facts in (("0_s1", state), ("1_s2", {**state, "host": "elsewhere"})):
        (tmp_path / job).mkdir()
        (tmp_path / job / "status.json").write_text(json.dumps(facts))
    Sweep.folder = tmp_path
    Sweep.close()
    said = capsys.readouterr().out
    assert said.count("killed") == 1 and said.count("running") == 1


def test_a_search_on_the_test_set_must_be_asked_for():
    config = OmegaConf.create({"dataset": {"validation": 0}, "selection": "last"})
    with pytest.raises(ConfigError, match="dataset.validation=N, or selection=best_test"):
        check_sweeper(config, "a.sweeper.that.Chooses")
    check_sweeper(OmegaConf.merge(config, {"selection": "best_test"}), "a.sweeper.that.Chooses")
    check_sweeper(OmegaConf.merge(config, {"dataset": {"validation": 1}}), "a.sweeper.that.Chooses")
    check_sweeper(config, BasicSweeperConf._target_)
