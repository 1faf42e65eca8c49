"""The command line: exit codes, messages, folders, sweeps, signals, completion, plugins."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from snnexp.reopen.changes import changed
from snnexp.runs import status
from tests.support.command_line import ROOT, TINY, Answer, Shell, answer, environment, start
from tests.support.forked_runs import Run
from tests.support.warm import WarmShell

pytestmark = pytest.mark.slow


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def read(path: Path) -> dict:
    return json.loads(path.read_text())


# What is answered without torch, and fast

SWAPPED = ("+experiment=cifar10_rmp_vgg16",)
LIGHT: dict[str, tuple[str, ...]] = {
    "no command": (),
    "help": ("--help",),
    "unknown command": ("trian",),
    "list": ("list",),
    "list neuron": ("list", "neuron"),
    "list recipe": ("list", "recipe"),
    "list nothing": ("list", "neurons"),
    "list at 80 columns": ("list",),
    "table": ("table", "3", "--format", "csv"),
    "compare nothing": ("compare", "nowhere"),
    "data wrong": ("data", "fetch"),
    "data unknown": ("data", "list", "cifra10"),
    "train help": ("train", "--help"),
    "cfg": ("train", "timesteps=7", "--cfg", "job", "neuron=if", "--resolve"),
    "cfg of a strategy": ("train", "strategy=hybrid", "--cfg", "job"),
    "cfg of a swapped option": ("train", "-c", "job", *SWAPPED, "optimizer=adam"),
    "cfg of nothing": ("train", "--cfg", "job", "neuron=liff"),
    "cfg of Hydra": ("train", "--cfg", "job", "--package", "neuron"),
    "strategy of an experiment": ("train", "+experiment=digits_qcfs", "strategy=bptt"),
    "info": ("train", "--info"),
    "group": ("train", "datset=cifar10"),
    "option": ("train", "dataset=cifra10"),
    "key": ("train", "neuron.leek=0.3"),
    "key twice": ("train", "neuron.leek=0.3", "neuron.leek=0.4"),
    "keys": (
        "train",
        "neuron.leek=0.3",
        "datset=mnist",
        "+experiment=quikstart",
        "~foo",
        "+experiment=digits_dct",
    ),
    "options in a sweep": (
        "train",
        "-m",
        "dataset=digits,cifra10",
        "seed=range(1,3)",
        "optimizer.lr=interval(0,1)",
        "norm=bacth,tdbn",
    ),
    "option twice": ("train", "+neuron=if"),
    "key already there": ("train", "+neuron.leak=0.3"),
    "group without plus": ("train", "search=surrogate"),
    "no key": ("train", "=3"),
    "key far": ("train", "encoder.rat=3"),
    "key without its group": ("train", "detach_reset=true"),
    "key in a sweep": ("train", "timesteps=1,2", "neuron.leek=0.3", "-m"),
    "experiment": ("train", "experiment=quickstart"),
    "experiment unknown": ("train", "+experiment=quikstart"),
    "several values": ("train", "timesteps=1,2"),
    "grammar": ("train", "timesteps=[1"),
    "flag": ("train", "--nonsense"),
    "install": ("train", "-sc", "install=bash"),
    "wandb sweep": ("wandb", "sweep", "neuron=if,lif"),
    "wandb workspace": ("wandb", "workspace"),
}


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory) -> Iterator[Shell]:
    """A shell in an empty folder in which importing torch is an error."""
    poison = tmp_path_factory.mktemp("poison")
    (poison / "torch").mkdir()
    (poison / "torch" / "__init__.py").write_text("raise RuntimeError('torch is imported')\n")
    shell = Shell(tmp_path_factory.mktemp("empty"), poison)
    yield shell
    shell.close()


@pytest.fixture(scope="module")
def light(poisoned) -> dict[str, Answer]:
    told = {
        name: poisoned(*words, COLUMNS="80" if "80" in name else "200")
        for name, words in LIGHT.items()
    }
    assert not poisoned.torch and files(poisoned.folder) == []
    return told


def test_without_a_command_or_with_help_it_explains_itself(light):
    assert light["help"].code == 0 and light["help"] == light["no command"]
    for command in ("train", "evaluate", "list", "data", "doctor", "table", "compare"):
        assert f"snnexp {command}" in light["help"].out


def test_help_of_train_lists_groups_and_options(light):
    code, out, _ = light["train help"]
    assert code == 0
    for line in (
        "dataset +cifar10, cifar100, .*digits,",
        "neuron +alif, alpha, .*if, .*lif, .*plif",
        "readout +.*potential, rate, .*voting",
    ):
        assert re.search(line, out, re.DOTALL)


def test_files_for_wandb_need_no_torch(light):
    assert light["wandb sweep"].code == light["wandb workspace"].code == 0


def test_lists(light):
    assert light["list"].code == light["list neuron"].code == 0
    assert "quickstart" in light["list"].out and "93.16" not in light["list neuron"].out
    assert re.search(r"lif\W+Leaky integrate-and-fire neuron\.", light["list neuron"].out)
    said = " ".join(light["list neuron"].out.split())
    assert re.search(r"For strategy=(\w+, )*bptt(, \w+)*\.", said)
    assert light["list neuron"].out.startswith("neuron=...")
    assert light["list recipe"].out.startswith("+recipe=...")
    assert re.search(r"rmp\W+RMP-SNN \(Han 2020 \[38\]\)", light["list recipe"].out)
    told = light["list nothing"]
    assert (
        told.code == 2
        and "did you mean 'neuron'?" in told.err
        and "dataset, debug, encoder, energy, experiment, " in told.err
    )


def test_a_list_cuts_no_name_on_a_narrow_terminal(light):
    out = light["list at 80 columns"].out
    assert max(map(len, out.partition("Run one with")[0].splitlines())) <= 80 and "…" not in out
    for path in (ROOT / "conf" / "experiment").glob("*.yaml"):
        assert re.search(rf"^ *{path.stem} ", out, re.MULTILINE), path.stem


def test_tables_and_comparisons_need_no_torch(light):
    assert light["table"].code == 0 and light["table"].out.count("\n") == 36
    assert light["compare nothing"].code == 3


def test_the_composed_configuration_is_printed(light):
    code, out, _ = light["cfg"]
    assert (
        code == 0 and "timesteps: 7\n" in out and "snnexp.neurons.if_.IF" in out and "${" not in out
    )
    assert (
        light["info"].code == 0
        and "Defaults List" in light["info"].out
        and "pkg://snnexp.conf" in light["info"].out
    )


def test_the_configuration_is_printed_as_a_run_has_it(light):
    code, out, err = light["cfg of a strategy"]
    assert code == 0 and OmegaConf.create(out).neuron.amplitude == "threshold"
    assert err == "snnexp: strategy=hybrid brings neuron=if, neuron.amplitude=threshold\n"
    code, out, err = light["cfg of a swapped option"]
    assert code == 0 and "momentum" not in OmegaConf.create(out).optimizer
    assert "falls away optimizer.momentum" in err
    assert light["cfg of nothing"].code == 2 and "'lif'" in light["cfg of nothing"].err
    assert light["cfg of Hydra"].out.startswith("# @package neuron\n_target_: snnexp.")


@pytest.mark.parametrize(
    "case, message",
    [
        (
            "strategy of an experiment",
            (
                "snnexp: threshold: experiment digits_qcfs chooses an option of it, and the "
                "strategy chosen here asks for none; keep the strategy of digits_qcfs, or begin "
                "with a copy of it without `override /threshold` (snnexp copy digits_qcfs "
                "mine/experiment/my.yaml)"
            ),
        ),
        (
            "unknown command",
            "snnexp: there is no command 'trian'; did you mean 'train'? (snnexp --help)",
        ),
        ("data unknown", "snnexp: there is no data set 'cifra10'; did you mean 'cifar10'?"),
        ("group", "snnexp: there is no key 'datset'; did you mean 'dataset'?"),
        ("key", "snnexp: there is no key 'neuron.leek'; did you mean 'neuron.leak'?"),
        ("key in a sweep", "snnexp: there is no key 'neuron.leek'; did you mean 'neuron.leak'?"),
        (
            "option twice",
            (
                "snnexp: neuron: an option is chosen already, and a plus adds another; choose "
                "neuron=if"
            ),
        ),
        (
            "key already there",
            (
                "snnexp: neuron.leak: it is there already, and a plus adds what is not; set it "
                "with neuron.leak=0.3"
            ),
        ),
        (
            "group without plus",
            (
                "snnexp: options of search are added with a plus: +search=NAME (snnexp list "
                "search shows them)"
            ),
        ),
        ("no key", "snnexp: =3: a key is missing"),
        (
            "key far",
            "snnexp: there is no key 'encoder.rat'; encoder has no keys",
        ),
        (
            "key without its group",
            "snnexp: there is no key 'detach_reset'; did you mean 'neuron.detach_reset'?",
        ),
        (
            "experiment",
            (
                "snnexp: an experiment is added with a plus: +experiment=NAME (snnexp list shows "
                "their names)"
            ),
        ),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest(light, case, message):
    assert light[case] == Answer(2, "", f"{message}\n")


def test_a_wrong_option_is_answered_with_all_of_them(light):
    code, out, err = light["option"]
    assert (code, out) == (2, "")
    head, options = err.splitlines()
    assert head == "snnexp: dataset: there is no option 'cifra10'; did you mean 'cifar10'?"
    assert options.startswith("there are cifar10, cifar100, cifar10_dvs, digits,")
    assert (
        light["experiment unknown"].code == 2
        and "did you mean 'quickstart'?" in light["experiment unknown"].err
    )


@pytest.mark.parametrize(
    "case, words",
    [
        ("several values", "--multirun"),
        ("grammar", "grammar"),
        ("flag", "--nonsense"),
        ("data wrong", "usage: snnexp data"),
    ],
)
def test_what_cannot_be_parsed_is_bad_configuration(light, case, words):
    code, out, err = light[case]
    assert (code, out) == (2, "") and words in err and "Traceback" not in err


def test_all_mistakes_of_the_arguments_are_said_at_once(light):
    code, out, err = light["keys"]
    assert (code, out) == (2, "") and err.startswith("snnexp: 5 problems in this configuration\n")
    for words in (
        "experiment: chosen twice",
        "did you mean 'quickstart'?",
        "no key 'datset'; did you mean 'dataset'?",
        "did you mean 'neuron.leak'?",
        "no key 'foo'",
    ):
        assert words in err


def test_no_job_of_a_sweep_starts_before_all_options_are_there(light):
    code, out, err = light["options in a sweep"]
    assert (code, out) == (2, "") and "2 problems" in err and "job 0" not in err
    assert "'cifra10'; did you mean 'cifar10'?" in err and "'bacth'; did you mean 'batch" in err


def completed(shell: Shell, line: str, *words: str) -> list[str]:
    return shell(*words, "-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line))).out.split()


def test_completion(light, poisoned):
    assert light["install"].code == 0 and "complete -o nospace" in light["install"].out
    assert {"dataset=cifar10", "dataset=digits", "dataset=mnist"} <= set(
        completed(poisoned, "snnexp train dataset=", "train")
    )
    assert completed(poisoned, "snnexp train dataset=cifar") == [
        "dataset=cifar10",
        "dataset=cifar100",
        "dataset=cifar10_dvs",
    ]  # as bash calls it
    assert completed(poisoned, "snnexp train neuron.le") == [
        "neuron.leak=",
        "neuron.leak_gradient=",
    ]
    assert not poisoned.torch


# Runs


@pytest.fixture(scope="module")
def finished(shell, tmp_path_factory) -> Path:
    """The folder of a tiny run at T = 3."""
    run_dir = tmp_path_factory.mktemp("run") / "finished"
    code, out, err = shell("train", *TINY, "timesteps=3", f"hydra.run.dir={run_dir}")
    assert code == 0, err
    assert f"run folder  {run_dir}" in out
    return run_dir


def test_a_run_leaves_its_records(finished):
    names = {
        "checkpoints",
        "command.json",
        "config.yaml",
        "metrics.jsonl",
        "result.json",
        "status.json",
        "train.log",
        "weights.safetensors",
    }
    assert names == {name for name in files(finished) if "/" not in name}
    assert (
        read(finished / "status.json")["status"] == "finished"
        and len(read(finished / "result.json")["accuracy_by_timestep"]) == 3
    )


def test_the_folder_of_a_run_is_not_used_twice(finished, snnexp):
    before = (finished / "result.json").read_bytes(), files(finished)
    code, _, err = snnexp("train", *TINY, f"hydra.run.dir={finished}")
    assert code == 2 and "holds a finished run" in err and "hydra.run.dir=PATH" in err
    assert before == ((finished / "result.json").read_bytes(), files(finished))


def test_a_wrong_configuration_leaves_nothing_behind(snnexp, tmp_path):
    code, out, err = snnexp("train", *TINY, "+typo=1", "+neuron.leek=0.3", "timesteps=0")
    assert (code, out) == (2, "") and "Traceback" not in err
    for words in (
        "typo: no such key",
        "did you mean 'leak'?",
        "timesteps: expected a whole number >= 1, got 0",
    ):
        assert words in err
    assert snnexp("train", *TINY, "strategy=conversion", "neuron=lif").code == 2
    assert snnexp("train", *TINY, "dataset._target_=os.system", "output_dir=there").code == 2
    assert snnexp("train", *TINY, "seed=abc", "hydra.run.dir=here/run").code == 2
    assert files(tmp_path) == ["here"]


def test_a_wrong_configuration_leaves_what_was_there(snnexp, tmp_path):
    (tmp_path / "outputs" / "train").mkdir(parents=True)
    (tmp_path / "outputs" / "mine.txt").touch()
    assert snnexp("train", "timesteps=0").code == 2
    assert files(tmp_path) == ["outputs", "outputs/mine.txt"]


def test_mistakes_of_arguments_and_of_values_are_said_together(snnexp, tmp_path):
    words = (
        "neuron=plif",
        "neuron.leak=0.3",
        "timesteps=abc",
        "dataset=digts",
        "+typo=1",
        "strategy=conversion",
        "selection=best_validation",
    )
    code, out, err = snnexp("train", *words)
    assert (code, out) == (2, "") and "Traceback" not in err
    for said in (
        "dataset: there is no option 'digts'; did you mean 'digits'?",
        "there is no key 'neuron.leak'",
        "typo: no such key",
        "timesteps: expected a whole number >= 1, got 'abc'",
        "selection: best_validation needs a validation split",
        "neuron: conversion needs neurons without leak, got PLIF",
    ):
        assert said in err
    assert files(tmp_path) == []


def test_a_reader_that_closes_the_pipe_is_no_error():
    command = [sys.executable, "-m", "snnexp", "list"]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_a_run_without_epochs_is_evaluated_as_it_is(snnexp, tmp_path):
    assert snnexp("train", *TINY[1:], "epochs=0", "hydra.run.dir=run").code == 0
    assert read(tmp_path / "run" / "result.json")["accuracy"] < 60


def test_a_run_says_what_its_experiment_asks_for_beyond_it(snnexp, tmp_path):
    own = tmp_path / "conf" / "experiment" / "mine.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(
        "# @package _global_\n# Mine.\ndefaults:\n  - override /strategy: ann\nepochs: 3\n"
    )
    more = (
        f"hydra.searchpath=[file://{own.parents[1]}]",
        "dataset.validation=100",
        "evaluate.images=50",
        "hydra.run.dir=run",
    )
    code, _, err = snnexp("train", *TINY, "+experiment=mine", *more)
    assert code == 0, err
    result = read(tmp_path / "run" / "result.json")
    assert result["reduced"] == ["epochs", "dataset.validation", "evaluate.images"]
    assert result["full_budget"] == {"epochs": 3, "dataset.validation": 0, "evaluate.images": None}
    assert result["given_budget"] == {"epochs": 1, "dataset.validation": 100, "evaluate.images": 50}


def test_missing_data_is_named_with_the_remedy(snnexp, tmp_path):
    code, _, err = snnexp("train", *TINY, "dataset=mnist", "data_dir=nowhere", "hydra.run.dir=run")
    assert code == 3 and "nowhere/MNIST/raw/train-images-idx3-ubyte: missing" in err
    assert (
        "Expected: " in err
        and "torchvision.datasets.MNIST('nowhere', download=True)" in err
        and "Traceback" not in err
    )
    facts = read(tmp_path / "run" / "status.json")
    assert (facts["status"], facts["exit_code"]) == ("failed", 3) and "Traceback" in (
        tmp_path / "run" / "error.txt"
    ).read_text()


def test_a_loss_that_is_not_finite_is_exit_code_5(snnexp):
    code, _, err = snnexp(
        "train", *TINY, "strategy=ann", "optimizer=sgd", "optimizer.lr=1e30", "hydra.run.dir=run"
    )
    assert code == 5 and "lower optimizer.lr" in err


# Evaluation


def evaluated(run_dir: Path) -> dict:
    return read(max((run_dir / "evaluations").iterdir(), key=lambda path: path.stat().st_mtime_ns))


def test_a_run_is_evaluated_at_another_length(finished, snnexp):
    trained = read(finished / "result.json")
    code, out, err = snnexp("evaluate", str(finished), "timesteps=2")
    assert code == 0 and "at T = 2" in out, err
    again = evaluated(finished)
    assert again["accuracy_by_timestep"] == trained["accuracy_by_timestep"][:2] and again[
        "changes"
    ] == ["timesteps=2"]
    assert again["neuron"] == "lif" and again["config_hash"] != trained["config_hash"]


def test_data_is_looked_for_where_the_environment_says_today(finished, snnexp):
    words = ("evaluate", str(finished), "dataset=fashion_mnist")
    told = snnexp(*words, SNNEXP_DATA="somewhere/else")
    assert told.code == 3 and "somewhere/else/FashionMNIST/raw/" in told.err, told


def test_a_run_is_evaluated_without_changes_to_the_same_result(finished, snnexp):
    assert snnexp("evaluate", str(finished)).code == 0
    trained, again = read(finished / "result.json"), evaluated(finished)
    for key in (
        "accuracy_by_timestep",
        "test_loss",
        "spikes_by_layer",
        "operations",
        "config_hash",
        "parameters",
    ):
        assert again[key] == trained[key]


def test_a_run_is_evaluated_with_another_encoder(finished, snnexp):
    code, _, err = snnexp("evaluate", str(finished), "encoder=poisson", "encoder.rate_scale=2.0")
    assert code == 0, err
    again = evaluated(finished)
    assert (
        again["encoder"] == "poisson"
        and again["operations"]["mac"] == 0
        and len(again["accuracy_by_timestep"]) == 3
    )


@pytest.mark.parametrize(
    "changes, code, words",
    [
        (("encoder=poison",), 2, "encoder: there is no option 'poison'; did you mean 'poisson'?"),
        (("tmesteps=3",), 2, "tmesteps: no such key; did you mean 'timesteps'?"),
        (("neuron.leek=3",), 2, "neuron.leek: no such key; did you mean 'neuron.leak'?"),
        (("timesteps=0",), 2, "evaluate.timesteps: expected a whole number >= 1, got 0"),
        (("neuron.leak=[",), 2, "neuron.leak=[: cannot be parsed"),
        (("timesteps=010",), 2, "evaluate.timesteps: expected a whole number >= 1, got '010'"),
        (("timesteps=1:30",), 2, "evaluate.timesteps: expected a whole number >= 1, got '1:30'"),
        (("timesteps=2 # 3",), 2, "timesteps=2 # 3: cannot be parsed"),
        (("timesteps=1,2",), 2, "timesteps: one evaluation has one value; a list is [1,2]"),
        (("timesteps=range(1,3)",), 2, "timesteps: one evaluation has one value"),
        (("+timesteps=2",), 2, "+timesteps: a stored configuration is complete"),
        (("~neuron",), 2, "~neuron: a stored configuration is complete"),
        (("tracker._target_=os.system",), 2, "'os.system' is not allowed"),
        (("architecture.layers=[8C3, AP4]",), 2, "has been learned, or set by a stage"),
        (("encoder=poison", "tmesteps=3", "batch_size=0"), 2, "3 problems in the changes"),
        (
            ("dataset=mnist", "data_dir=nowhere"),
            3,
            "nowhere/MNIST/raw/train-images-idx3-ubyte: missing",
        ),
        (
            ("data_dir=nowhere", "dataset=mnist"),
            3,
            "nowhere/MNIST/raw/train-images-idx3-ubyte: missing",
        ),
    ],
)
def test_an_evaluation_that_cannot_be_says_why(finished, snnexp, changes, code, words):
    told = snnexp("evaluate", str(finished), *changes)
    assert told.code == code and words in told.err and "Traceback" not in told.err


def test_another_data_root_reaches_the_data_set(finished):
    words = ["dataset=mnist", "data_dir=elsewhere"]
    config, _ = changed(OmegaConf.load(finished / "config.yaml"), words)
    assert config["data_dir"] == config["dataset"]["source"]["data_dir"] == "elsewhere"
    assert OmegaConf.load(finished / "config.yaml").data_dir != "elsewhere"


def test_what_is_not_a_run_cannot_be_evaluated(finished, snnexp, tmp_path):
    assert snnexp("evaluate").code == snnexp("evaluate", "timesteps=3").code == 2
    told = snnexp("evaluate", "nowhere")
    assert told.code == 3 and "nowhere/config.yaml: not there" in told.err
    (tmp_path / "config.yaml").write_text("a: [")
    told = snnexp("evaluate", str(tmp_path))
    assert told.code == 3 and "config.yaml: cannot be read" in told.err


def test_a_run_folder_of_somebody_else_runs_nothing(finished, snnexp, tmp_path):
    (tmp_path / "alien").mkdir()
    text = (finished / "config.yaml").read_text()
    evil = text.replace(
        "_target_: snnexp.encoders.direct.Direct",
        "_target_: snnexp.files.atomic.write_text\n  path: mark\n  text: evil",
    )
    assert evil != text
    (tmp_path / "alien" / "config.yaml").write_text(evil)
    assert snnexp("evaluate", "alien").code == 2
    assert files(tmp_path) == ["alien", "alien/config.yaml"]


# Data and doctor


def test_data_commands(snnexp):
    told = snnexp("data", "list", "data_dir=nowhere")
    assert (
        told.code == 0
        and re.search(r"digits\W+ready", told.out)
        and re.search(r"cifar10\W+missing", told.out)
    )
    told = snnexp("data", "verify", "cifar10", "data_dir=nowhere")
    assert (
        told.code == 3 and told.err.startswith("cifar10: nowhere/") and "download=True" in told.err
    )
    assert snnexp("data", "prepare", "digits").code == 0
    told = snnexp("data", "list", "mnist", "dta_dir=nowhere")
    assert (
        told.code == 2
        and told.err == "snnexp: there is no key 'dta_dir'; did you mean 'data_dir'?\n"
    )


def test_doctor_names_versions_and_no_secret(snnexp):
    told = snnexp("doctor", WANDB_API_KEY="dummy0secret")
    assert told.code == 0 and "dummy0secret" not in told.out + told.err
    for words in (
        "torch",
        "hydra-core",
        "processors",
        "CUDA device",
        "W&B, mode offline",
        "SNNEXP_DATA",
        "digits",
    ):
        assert words in told.out
    assert re.search(r"WANDB_API_KEY\W+set", told.out)


# Sweeps and signals


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> tuple[Path, Answer]:
    """A sweep in a process of its own, whose third and fourth job fail."""
    folder = tmp_path_factory.mktemp("sweep")
    words = ("dataset=digits,mnist", "timesteps=2,1", "data_dir=nowhere", "seed=7")
    run = Run(("train", *TINY, "-m", *words, "hydra.sweep.dir=sweep"), folder)
    return folder / "sweep", Answer(run.code(), run.out.read_text(), run.said)


def test_the_other_jobs_of_a_sweep_finish(sweep):
    folder, told = sweep
    assert told.code == 1
    jobs = ["0_digits_timesteps-2_s7", "1_digits_timesteps-1_s7"]
    jobs += ["2_mnist_timesteps-2_s7", "3_mnist_timesteps-1_s7"]
    files = ["multirun.yaml", "sweep.csv", "sweep.json", "sweep.png"]
    assert {path.name for path in folder.iterdir()} == {*jobs, *files}
    for name, timesteps in zip(jobs[:2], (2, 1), strict=True):
        assert status.read(folder / name)["status"] == "finished"
        result = read(folder / name / "result.json")
        assert (
            result["timesteps"] == timesteps
            and f"timesteps: {timesteps}\n" in (folder / name / "config.yaml").read_text()
        )
        assert "sweep_dir: sweep\n" in (folder / name / "config.yaml").read_text()


def test_a_job_that_cannot_go_on_leaves_word_of_it(sweep):
    folder, _ = sweep
    facts = status.read(folder / "2_mnist_timesteps-2_s7")
    assert (facts["status"], facts["exit_code"]) == ("failed", 3) and "nowhere" in facts["error"]
    assert "result.json" not in files(folder / "2_mnist_timesteps-2_s7")


def test_a_sweep_ends_with_a_summary_of_its_jobs(sweep):
    folder, told = sweep
    said = told.out.partition("Sweep ")[2]
    rows = [line.split() for line in said.splitlines()]
    result = read(folder / "1_digits_timesteps-1_s7" / "result.json")
    (row,) = (row for row in rows if row[:4] == ["1", "digits", "1", "finished"])
    assert row[4] == f"{result['accuracy']:.2f}" and ("(!)" in row) == bool(result["flags"])
    assert ["job", "dataset", "T", "status", "test", "%", "spikes"] in [row[:7] for row in rows]
    assert ["2", "mnist", "2", "failed"] in rows and "job 2 failed: DataError: " in said
    assert "job 1: " in told.err and "Traceback" not in told.err


def stopped(shell: Shell, run_dir: Path, *words: str) -> Answer:
    """What a run in `run_dir` says that is told to stop after its first epoch."""
    shell.ask("train", *TINY, "epochs=1000000", *words)
    deadline = time.monotonic() + 600
    while not (run_dir / "metrics.jsonl").exists() or not (run_dir / "metrics.jsonl").read_text():
        assert shell.process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    shell.process.send_signal(signal.SIGTERM)
    return shell.answer()


def test_a_run_that_is_told_to_stop_says_so(snnexp, tmp_path):
    told = stopped(snnexp, tmp_path / "run", "hydra.run.dir=run")
    assert told.code == 143 and "stopped by signal 15" in told.err and "Traceback" not in told.err
    facts = status.read(tmp_path / "run")
    assert (facts["status"], facts["exit_code"]) == ("preempted", 143)
    assert "result.json" not in files(tmp_path / "run")


def test_a_sweep_that_is_told_to_stop_stops_with_its_job(snnexp, tmp_path):
    told = stopped(
        snnexp, tmp_path / "sweep" / "0_s1", "hydra.sweep.dir=sweep", "seed=1,2", "--multirun"
    )
    assert told.code == 143 and "Traceback" not in told.err
    assert status.read(tmp_path / "sweep" / "0_s1")["status"] == "preempted"
    assert re.search(r"0 .*preempted", told.out) and re.search(r"1 .*not begun", told.out)
    assert not (tmp_path / "sweep" / "1_s2").exists() and "goes on with: snnexp train" in told.err


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="sees by /proc how far it is")
def test_a_sweep_that_is_stopped_in_its_first_moments_leaves_nothing(tmp_path):
    """Ctrl-C while it is still importing: one line, no traceback, no folder."""
    process = start("train", "-m", *TINY, "seed=1,2", folder=tmp_path)
    loaded = Path(f"/proc/{process.pid}/maps")
    while "_yaml" not in loaded.read_text() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    told = answer(process)
    assert (told.code, told.out) == (130, "")
    assert told.err == "snnexp: stopped by signal 2 (SIGINT)\n" and not [*tmp_path.iterdir()]


# A user's own components

NEURON = '''
from torch import Tensor

from snnexp.cell import Cell, at_rest
from snnexp.limits import Fraction


class Mine(Cell):
    """Passes spikes where the input is beyond a part of what it was."""

    def __init__(self, share: Fraction, surrogate):
        super().__init__()
        self.share, self.surrogate = share, surrogate

    def initial(self, x: Tensor) -> Tensor:
        return at_rest(x)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.surrogate(x - self.share * state), x.to(state.dtype)
'''


@pytest.fixture(scope="module")
def plugin(tmp_path_factory) -> Iterator[WarmShell]:
    """A shell in a folder that holds a neuron and its option, and is on Python's path."""
    root = tmp_path_factory.mktemp("plugin")
    (root / "snnexp" / "neurons").mkdir(parents=True)
    (root / "snnexp" / "neurons" / "mine.py").write_text(NEURON)
    (root / "conf" / "neuron").mkdir(parents=True)
    (root / "conf" / "neuron" / "mine.yaml").write_text(
        "# My own neuron.\n_target_: snnexp.neurons.mine.Mine\nshare: 0.5\n"
    )
    shell = WarmShell(root, root)
    yield shell
    shell.close()


def mine(plugin: Shell, *words: str) -> Answer:
    return plugin(
        "train",
        *TINY,
        f"hydra.searchpath=[file://{plugin.folder}/conf]",
        "neuron=mine",
        "hydra.run.dir=run",
        *words,
    )


def test_mistakes_in_a_component_of_the_users_own_are_explained(plugin):
    assert mine(plugin, "neuron.shar=0.2") == Answer(
        2, "", "snnexp: there is no key 'neuron.shar'; did you mean 'neuron.share'?\n"
    )
    assert (
        "neuron.shar: Mine takes no such argument; did you mean 'share'?"
        in mine(plugin, "+neuron.shar=0.2").err
    )
    assert "neuron.share: expected a number in [0, 1], got 2" in mine(plugin, "neuron.share=2").err
    told = mine(plugin, "neuron=mines")
    assert (
        told.code == 2
        and "did you mean 'mine'?" in told.err
        and re.search("there are .*if, .*lif, .*mine, .*plif", told.err)
    )
    assert "run" not in files(plugin.folder)


def test_a_component_of_the_users_own_trains_and_is_evaluated(plugin):
    told = mine(plugin)
    assert told.code == 0, told.err
    result = read(plugin.folder / "run" / "result.json")
    assert result["neuron"] == "mine" and result["spikes_per_neuron"] > 0
    assert "snnexp.neurons.mine.Mine" in (plugin.folder / "run" / "config.yaml").read_text()
    told = plugin("evaluate", "run", "timesteps=2")
    assert told.code == 0, told.err
