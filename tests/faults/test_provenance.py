"""What a result says of where it comes from, and comparisons of like with like."""

import copy
import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from snnexp.cli.compare import compare
from snnexp.cli.evaluate import evaluate
from snnexp.results.run import RunResult
from snnexp.results.stage import StageResult
from snnexp.runs.result import config_hash
from snnexp.survey.experiments import references
from snnexp.survey.gap import gap
from snnexp.survey.measured import measured, status
from snnexp.survey.recorded import histories, read_results, standing
from snnexp.survey.rows import TABLES, rows
from tests.support.command_line import TINY, answer, start
from tests.support.composed import configuration
from tests.support.tiny_run import job

RESULTS = Path(__file__).parents[2] / "results"
ROWS = {row.id: row for table in TABLES for row in rows(table)}


@pytest.mark.fault("A: provenance", "a recorded result that no commit gives, and nobody says so")
def test_every_recorded_result_has_a_commit_or_is_listed_as_history(happened):
    listed = histories(RESULTS)
    files = {path.resolve() for path in RESULTS.rglob("*.json") if path.name != "check.json"}
    lone = [
        path
        for path in files
        if not re.fullmatch(r"[0-9a-f]{40}", str(json.loads(path.read_text()).get("git_commit")))
    ]
    assert (
        len(files) >= 57
        and set(lone) <= set(listed) <= files
        and all(len(why) > 10 for why in listed.values())
    )
    happened(
        f"{len(listed)} of {len(files)} are listed in results/history.csv, the others have a commit"
    )


EXACT = "bf1a53dc735c7782796fccfc689a6992cff2ae09"
"""The first commit whose batch statistics are exact."""


@pytest.mark.skipif(
    not (RESULTS.parent / ".git").exists(), reason="the history of the project is not there"
)
@pytest.mark.fault(
    "A: provenance", "a recorded result that a commit gave, and that today's code does not give"
)
def test_results_from_before_exact_batch_statistics_are_listed_as_history(happened):
    listed, older = histories(RESULTS), []
    for path in (path for path in RESULTS.rglob("*.json") if path.name != "check.json"):
        result = json.loads(path.read_text())
        normed = {block.get("norm") for block in result["stages"].values()} - {"none", None}
        command = [
            "git",
            "merge-base",
            "--is-ancestor",
            EXACT,
            str(result["git_commit"]).removesuffix("+changes"),
        ]
        if normed and subprocess.run(command, cwd=RESULTS, capture_output=True).returncode:
            older.append(path)
    assert {path.resolve() for path in older} <= set(listed)
    happened(f"{len(older)} results with a norm are older than exact batch statistics, and listed")


def test_history_is_marked_in_the_table(tmp_path):
    block = {
        "stage": "train",
        "accuracy": 99.0,
        "accuracy_by_timestep": [99.0],
        "epochs": 1,
        "form": "spiking",
    }
    (tmp_path / "a.json").write_text(
        json.dumps({**block, "reference": {"rows": ["text-mnist-31"]}, "stages": {"train": block}})
    )
    (tmp_path / "history.csv").write_text("path,why\na.json,the code has moved on\n")
    assert measured(ROWS["text-mnist-31"], read_results([tmp_path])).marks == (
        "history: the code has moved on",
    )


@pytest.mark.fault(
    "A: provenance",
    "the same network to start from, in another folder; other folders for data and output",
)
def test_a_hash_names_the_science_and_not_the_folders(tmp_path, happened):
    for name, weights in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights.safetensors").write_bytes(weights)
    plain = configuration("strategy=ann")

    def hashed(folder: str | None, **more: str) -> str:
        config = copy.deepcopy(plain) | more
        config["strategy"]["stages"]["train"]["start"] = (
            folder if folder is None else str(tmp_path / folder)
        )
        return config_hash(config)

    assert (
        hashed("a") == hashed("b") == hashed("a", data_dir="x", output_dir="y", device="z", seed=7)
    )
    assert len({hashed("a"), hashed("c"), hashed(None), hashed("nowhere")}) == 4
    moved = copy.deepcopy(plain)
    moved["dataset"]["data_dir"] = "elsewhere"
    assert config_hash(moved) == config_hash(plain)
    happened("equal for equal networks, whatever the folder")


def test_the_hash_of_a_run_that_starts_from_nothing_is_what_it_was():
    """Recorded results and new seeds of one experiment go on being taken together."""
    recorded = json.loads((RESULTS / "digits_qcfs" / "s1" / "result.json").read_text())
    assert config_hash(configuration("+experiment=digits_qcfs")) == recorded["config_hash"]


@pytest.mark.fault(
    "A: provenance",
    "the folder a run has started from is gone when its result is written, or evaluated",
)
def test_what_a_run_has_started_from_is_kept(tmp_path, happened):
    job(tmp_path / "ann", "strategy=ann", "epochs=1")
    words = [
        "strategy=ann",
        f"strategy.stages.train.start={tmp_path / 'ann'}",
        "strategy.stages.train.epochs=0",
    ]
    found = job(tmp_path / "run", *words)
    (started,) = found["started_from"].values()
    assert len(started) == 64
    shutil.rmtree(tmp_path / "ann")
    assert evaluate([str(tmp_path / "run")]) == 0
    (again,) = (tmp_path / "run" / "evaluations").iterdir()
    assert json.loads(again.read_text())["config_hash"] == found["config_hash"]
    happened("the result keeps the hash of its weights")


def test_a_result_names_the_command_that_gives_it(tmp_path):
    folders = ("hydra.run.dir=run", "data_dir=there", "output_dir=elsewhere")
    done = answer(start("train", *TINY, "neuron.threshold=2.0", *folders, folder=tmp_path))
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "run" / "result.json").read_text())
    assert (
        found["command"].startswith("snnexp train epochs=1 ")
        and "neuron.threshold=2.0" in found["command"]
    )
    assert "'architecture.layers=[4C3, AP4]'" in found["command"] and not re.search(
        "hydra|there|elsewhere", found["command"]
    )


# Like with like


def stage(**more) -> StageResult:
    reference = {"rows": [], "accuracy": 80.0, "timesteps": 3}
    curve = [50.0, None, 79.0, 90.0]
    known = {
        "form": "spiking",
        "accuracy": 90.0,
        "accuracy_by_timestep": curve,
        "reference": reference,
    }
    return StageResult.from_json({**known, **more})


@pytest.mark.fault(
    "A: comparisons of unlike things",
    "accuracy at another T than the published one, of another form, or no answer yet",
)
@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, -1.0),
        ({"reference": {"accuracy": 80.0, "timesteps": 4}}, 10.0),
        ({"reference": {"accuracy": 80.0, "timesteps": 5}}, None),  # the run ends before
        ({"reference": {"accuracy": 80.0, "timesteps": 2}}, None),  # no answer yet
        ({"reference": {"accuracy": 80.0, "timesteps": None}}, 10.0),
        ({"reference": {"accuracy": None, "timesteps": 3}}, None),
        ({"reference": None}, None),
        ({"reference": {"accuracy": 80.0, "timesteps": 9, "read_at": 4}}, 10.0),
        ({"form": "analog", "accuracy_by_timestep": [90.0]}, None),
        (
            {
                "form": "analog",
                "accuracy_by_timestep": [90.0],
                "reference": {"accuracy": 91.0, "timesteps": None},
            },
            -1.0,
        ),
        ({"form": "timed"}, None),
        ({"form": "timed", "reference": {"accuracy": 80.0, "timesteps": 4}}, 10.0),
    ],
)
def test_a_gap_is_between_accuracies_at_one_timestep(changes, expected, happened):
    assert gap(stage(**changes)) == expected
    happened(f"gap {expected}")


def test_only_the_last_stage_is_compared(tmp_path):
    reference = "reference={rows: [], accuracy: 50.0, timesteps: 4}"
    found = job(
        tmp_path,
        "strategy=conversion",
        "neuron=if",
        "neuron.amplitude=threshold",
        "timesteps=8",
        "epochs=1",
        reference,
    )
    assert found["stages"]["pretrain"]["gap"] is None
    assert found["gap"] == found["accuracy_by_timestep"][3] - 50.0


def test_the_published_figures_of_experiments_are_those_of_one_of_their_rows():
    for name, reference in references().items():
        published = [(ROWS[row].accuracy, ROWS[row].timesteps) for row in reference.get("rows", [])]
        told = [(float(a) if a else None, int(t) if t.isdigit() else None) for a, t in published]
        assert not told or (reference["accuracy"], reference["timesteps"]) in told, name


def test_a_code_without_the_published_timesteps_says_which_of_its_own_stands_for_them():
    today = references()["cifar10_tsc_resnet20"]
    assert (today["timesteps"], today["read_at"]) == (2048, 2040)
    row, curve = ROWS["t3-cifar10-39-2048"], [90.0] * 2039 + [91.0]
    convert = {
        "stage": "convert",
        "accuracy": 91.0,
        "accuracy_by_timestep": curve,
        "epochs": 0,
        "form": "spiking",
    }
    old = {"rows": [row.id], "accuracy": 91.42, "timesteps": 2040}  # as it was recorded once
    run = {
        **convert,
        "experiment": "cifar10_tsc_resnet20",
        "reference": old,
        "stages": {"convert": convert},
    }
    (found,) = standing([RunResult.from_json(run)], references())
    assert (
        measured(row, [found]).timesteps,
        measured(row, [found]).budget,
        status(row, measured(row, [found])),
    ) == (
        2040,
        "",
        "reproduced",
    )
    assert gap(found.last) == pytest.approx(91.0 - 91.42)


@pytest.mark.parametrize("timesteps", [8, 16])
def test_the_threshold_of_tandem_experiments_follows_the_timesteps(timesteps):
    for name in (
        "digits_tandem",
        "mnist_tandem_cnn",
        "cifar10_tandem_cifarnet",
        "imagenet_tandem_alexnet",
    ):
        threshold = configuration(f"+experiment={name}", f"timesteps={timesteps}")["neuron"][
            "threshold"
        ]
        assert threshold == timesteps and isinstance(threshold, float)


@pytest.mark.fault(
    "A: comparisons of unlike things", "two conversions by different threshold rules, compared"
)
def test_compare_names_the_threshold_rule(tmp_path, capsys, happened):
    words = [
        "strategy=conversion",
        "neuron=if",
        "neuron.amplitude=threshold",
        "timesteps=8",
        "epochs=1",
    ]
    for rule in ("ann_max", "mse"):
        job(tmp_path / rule, *words, f"threshold={rule}")
        shutil.copy(tmp_path / rule / "result.json", tmp_path / f"{rule}.json")
    capsys.readouterr()
    for suffix in ("", ".json"):
        assert (
            compare(
                [
                    *(str(tmp_path / f"{rule}{suffix}") for rule in ("ann_max", "mse")),
                    "--format",
                    "csv",
                ]
            )
            == 0
        )
        lines = {
            line["name"]: line for line in csv.DictReader(capsys.readouterr().out.splitlines())
        }
        assert [*lines["threshold"].values()][2:] == [
            "ann_max",
            "mse",
        ] and "strategy.stages.convert.threshold" not in lines
    recorded = [
        str(RESULTS / "mnist_conversion_cnn" / f"{rule}.json") for rule in ("ann_max", "mse")
    ]
    assert compare(recorded) == 0
    shown = capsys.readouterr().out
    assert re.search(r"threshold +ann_max +mse", shown)  # as their commands tell
    assert "no configuration beside" in shown and "there may be more" in " ".join(shown.split())
    happened("threshold: ann_max, mse; of older files as their commands tell, which is said")
