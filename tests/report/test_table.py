"""The survey's tables: every published row, filled by a recorded run and empty without it."""

import csv
import io
import json
import re
from xml.etree import ElementTree

import pytest

from snnexp.cli import table as command
from snnexp.cli.table import table
from snnexp.report.table import as_markdown, lines
from snnexp.results.run import RunResult
from snnexp.survey import measured as standing
from snnexp.survey.experiments import experiments, rows_by_experiment
from snnexp.survey.measured import Measured, status
from snnexp.survey.rows import TABLES, Row, rows

COUNTS = {"1": 14, "2": 7, "3": 35, "text": 23}


def _result(row: str, accuracy: float, curve: list[float], **more) -> dict:
    block = {
        "stage": "train",
        "accuracy": accuracy,
        "accuracy_by_timestep": curve,
        "spikes_per_neuron": 2.0,
        "epochs": 3,
        "form": "spiking",
    }
    return {**block, "reference": {"rows": [row]}, "stages": {"train": block}, **more}


def _converted(rows: list[str], curve: list[float], **more) -> dict:
    """A hybrid: an analog network, its conversion, and that fine-tuned, each with an accuracy of
    its own.
    """
    ann = {
        "stage": "pretrain",
        "accuracy": 95.0,
        "accuracy_by_timestep": [95.0],
        "spikes_per_neuron": None,
        "epochs": 9,
        "form": "analog",
    }
    convert = {
        "stage": "convert",
        "accuracy": curve[-1],
        "accuracy_by_timestep": curve,
        "spikes_per_neuron": 3.0,
        "epochs": 0,
    }
    convert["form"] = "spiking"
    tuned = {
        **convert,
        "stage": "finetune",
        "accuracy": 94.0,
        "accuracy_by_timestep": [93.0] * (len(curve) - 1) + [94.0],
        "epochs": 2,
    }
    stages = {"pretrain": ann, "convert": convert, "finetune": tuned}
    return {**tuned, "reference": {"rows": rows}, "stages": stages, **more}


def measured(row: Row, results: list[dict]) -> Measured | None:
    return standing.measured(row, [RunResult.from_json(result) for result in results])


def _row(name: str) -> Row:
    return next(row for table in TABLES for row in rows(table) if row.id == name)


def _printed(capsys, *arguments: str) -> list[dict[str, str]]:
    assert table([*arguments, "--format", "csv"]) == 0
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_there_once(name):
    ids = [row.id for row in rows(name)]
    assert len(ids) == len(set(ids)) == COUNTS[name]


@pytest.mark.slow
def test_a_result_fills_its_row_and_its_deletion_empties_it(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "shipped", lambda: None)
    for seed, accuracy in enumerate((89.0, 90.0)):
        path = tmp_path / "runs" / f"s{seed}" / "result.json"
        path.parent.mkdir(parents=True)
        path.write_text(
            json.dumps(
                _result("t3-cifar10-38-256", 91.0, [*[10.0] * 255, accuracy, 91.0], seed=seed)
            )
        )
        (path.parent / "status.json").write_text('{"status": "finished"}')
    lines = {line["id"]: line for line in _printed(capsys, "3", "--runs", "runs")}
    filled = lines["t3-cifar10-38-256"]
    assert len(lines) == 35 and filled["accuracy"] == "89.37"
    assert [
        filled[key] for key in ("measured", "std", "n", "measured_timesteps", "gap", "status")
    ] == [*("89.50", "0.71", "2", "256", "+0.13", "reproduced")]
    assert (
        filled["spikes_per_neuron"] == ""
    )  # those counted are of the whole run, not of its first 256 steps
    for path in (tmp_path / "runs").glob("*/result.json"):
        path.unlink()
    emptied = {line["id"]: line for line in _printed(capsys, "3", "--runs", "runs")}[
        "t3-cifar10-38-256"
    ]
    assert emptied["measured"] == "" and emptied["status"] == "not run"


def test_a_row_is_filled_from_the_project_one_is_in_and_not_from_what_is_broken(
    capsys, tmp_path, monkeypatch
):
    for folder in ("results/one", "deep/er"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "results" / "one" / "s1.json").write_text(
        json.dumps(_result("t1-cifar10-56", 93.0, [93.0] * 8))
    )
    (tmp_path / "results" / "one" / "copy.json").write_text(
        json.dumps(_result("t1-cifar10-56", 93.0, [93.0] * 8))
    )
    (tmp_path / "results" / "one" / "s2.json").write_text('{"stages": {"tr')
    (tmp_path / "results" / "one" / "s3.json").write_text('{"stages": [1], "reference": 3}')
    monkeypatch.chdir(tmp_path / "deep" / "er")
    assert table(["1", "--format", "csv"]) == 0
    told = capsys.readouterr()
    line = next(
        line for line in csv.DictReader(io.StringIO(told.out)) if line["id"] == "t1-cifar10-56"
    )
    assert (line["measured"], line["n"], line["spikes_per_neuron"], line["status"]) == (
        "93.00",
        "1",
        "2.00",
        "reproduced",
    )
    assert "s2.json: cannot be read" in told.err and "Traceback" not in told.err


@pytest.mark.slow
def test_a_run_stands_for_what_its_experiment_serves_today(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "shipped", lambda: None)
    row, curve = "t3-cifar10-38-256", [88.0] * 256
    for name, told in (
        ("cifar10_conversion_resnet20", ""),
        ("cifar10_rmp_resnet20", "88.00"),
        ("mine", "88.00"),
        (None, "88.00"),
    ):
        (tmp_path / "result.json").write_text(
            json.dumps(_result(row, 88.0, curve, **({"experiment": name} if name else {})))
        )
        assert {line["id"]: line["measured"] for line in _printed(capsys, "3", "--runs", ".")}[
            row
        ] == told
    assert (
        experiments()[row] == "cifar10_rmp_resnet20"
        and rows_by_experiment()["cifar10_conversion_resnet20"] == []
    )


@pytest.mark.slow
def test_one_run_serves_several_timesteps():
    names = ["t3-cifar10-38-2048", "t3-cifar10-38-256"]
    result = _result(names[0], 91.5, [50.0] * 255 + [88.0] + [89.0] * 1791 + [91.5])
    result["reference"]["rows"] = names
    assert [measured(_row(name), [result]).mean for name in names] == [91.5, 88.0]
    short = {
        **result,
        "stages": {
            "train": {
                **result["stages"]["train"],
                "accuracy": 88.0,
                "accuracy_by_timestep": [88.0] * 256,
            }
        },
    }
    assert status(_row(names[1]), measured(_row(names[1]), [short])) == "below"
    assert (status(_row(names[0]), found := measured(_row(names[0]), [short])), found.budget) == (
        "partial",
        "timesteps 256 of 2048",
    )


def test_a_run_that_answers_by_the_timesteps_of_the_row_comes_before_one_that_answers_later():
    name, late = "t3-cifar10-40-16", [None] * 20 + [92.0]
    runs = [
        _result(name, 92.0, late, config_hash="late"),
        _result(name, 89.0, [50.0] * 15 + [87.0, 89.0], config_hash="early"),
    ]
    found = measured(_row(name), [runs[0]])
    assert (found.mean, found.timesteps, found.budget) == (92.0, 21, "timesteps 21 in place of 16")
    found = measured(_row(name), runs)
    assert (found.mean, found.timesteps, found.budget) == (87.0, 16, "")


@pytest.mark.slow
def test_the_stages_of_one_run_serve_rows_of_their_kind():
    names = ["t3-cifar10-66-conversion", "t3-cifar10-66-hybrid", "t3-cifar10-70-ann"]
    result = _converted(names, [*[10.0] * 249, 80.0])
    assert [measured(_row(name), [result]).mean for name in names] == [80.0, 94.0, 95.0]
    chosen = {
        **result,
        "reference": {"rows": names, "stages": {names[0]: "finetune", names[1]: "gone"}},
    }
    assert (
        measured(_row(names[0]), [chosen]).mean == 94.0
        and measured(_row(names[1]), [chosen]) is None
    )
    analog = {**result, "stages": {"train": result["stages"]["pretrain"]}}
    assert (
        measured(_row(names[0]), [analog]) is None
        and measured(_row(names[2]), [analog]).mean == 95.0
    )


@pytest.mark.slow
def test_what_is_reduced_after_the_stage_of_a_row_does_not_count_against_it():
    names = ["t3-cifar10-66-conversion", "t3-cifar10-66-hybrid"]
    short = {
        "full_budget": {"finetune.epochs": 20},
        "given_budget": {"finetune.epochs": 2},
        "reduced": ["finetune.epochs"],
    }
    result = _converted(names, [91.0] * 250, **short)
    assert [measured(_row(name), [result]).budget for name in names] == [
        "",
        "finetune.epochs 2 of 20",
    ]
    assert status(_row(names[0]), measured(_row(names[0]), [result])) in ("reproduced", "above")
    for name, words in (
        ("dataset.validation", "500 training images held out"),
        ("evaluate.images", "500 test images"),
    ):
        short = {"full_budget": {name: None}, "given_budget": {name: 500}}
        assert [
            measured(_row(row), [_converted(names, [91.0] * 250, **short)]).budget for row in names
        ] == [words, words]


def test_runs_of_one_configuration_are_taken_together_and_full_ones_before_others():
    name = "text-mnist-31"
    other = [
        _result(name, accuracy, [accuracy], config_hash="a", seed=int(accuracy))
        for accuracy in (90.0, 92.0)
    ]
    lone = _result(name, 99.0, [99.0], config_hash="b")
    assert measured(_row(name), [*other, lone]).accuracies == (90.0, 92.0)
    reduced = [{**each, "full_budget": {"epochs": 9}} for each in other]
    assert measured(_row(name), [*reduced, lone]).accuracies == (99.0,)


def test_energy_is_the_mean_over_whole_inferences_with_its_model():
    name, model = "t3-cifar10-38-256", "45 nm, float32: 4.6 pJ per multiply-accumulate"
    runs = [
        _result(name, 88.0, [88.0] * 256, seed=seed, git_commit="abc", device="cpu", threads=2)
        for seed in (1, 2)
    ]
    for run, joule in zip(runs, (1e-6, 3e-6), strict=True):
        run["stages"]["train"]["operations"] = {"energy_joule": joule, "energy_model": model}
    found = measured(_row(name), runs)
    assert (found.energy_joule, found.energy_models) == (pytest.approx(2e-6), (model,))
    assert (found.commits, found.machines) == (("abc",), ("2 threads of cpu",))
    results = [RunResult.from_json(run) for run in runs]
    line = lines([_row(name)], results, {name: "cifar10_rmp_resnet20"})[0]
    assert (line["energy_joule"], line["commit"]) == ("2e-06", "abc")
    text = as_markdown("3", [line])
    assert "| 2 uJ |" in text and f"Energy per image: {model}." in text
    for run in runs:
        run["stages"]["train"]["accuracy_by_timestep"] = [88.0] * 300
    assert measured(_row(name), runs).energy_joule is None


def test_status():
    row = _row("text-mnist-31")
    assert [
        status(row, measured(row, [_result(row.id, accuracy, [accuracy])]))
        for accuracy in (99.5, 98.93, 98.9, 99.93)
    ] == [*("reproduced", "reproduced", "below", "above")]
    short = _result(row.id, 98.0, [98.0], full_budget={"epochs": 100})
    assert status(row, measured(row, [short])) == "partial"
    assert "epochs 3 of 100" in measured(row, [short]).budget
    assert status(row, None) == "not run"
    short = _result(row.id, 99.5, [99.5], full_budget={"epochs": 100})
    assert status(row, measured(row, [short])) == "partial"  # whatever it reached


def test_experiments_name_rows_that_exist():
    known = {row.id for name in TABLES for row in rows(name)}
    assert set(experiments()) <= known and len(experiments()) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("form", ["rich", "markdown", "html"])
def test_other_forms_show_published_figures(form, capsys):
    assert table(["1", "--format", form]) == 0
    assert "93.16" in capsys.readouterr().out


def test_a_page_needs_nothing_else_and_is_well_formed(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "shipped", lambda: None)
    assert table(["text", "--format", "html"]) == 0
    page = capsys.readouterr().out
    assert not re.search(r"<script|src=|href=|url\(|@import", page)
    body = ElementTree.fromstring(re.search(r"<table>.*</table>", page, re.DOTALL)[0])
    head, *lines = (["".join(cell.itertext()) for cell in line] for line in body.iter("tr"))
    assert len(lines) == 23 and head[:6] == [
        "data set",
        "system",
        "strategy",
        "network",
        "T",
        "published",
    ]
    stbp = next(line for line in lines if line[1].startswith("[31]"))
    assert (
        stbp[5] == "99.42"
        and "not run" in stbp
        and stbp[-1] == "snnexp train +experiment=mnist_stbp_cnn"
    )


@pytest.mark.slow
def test_nothing_is_cut_on_a_terminal_of_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert table(["3"]) == 0
    out = capsys.readouterr().out
    assert "…" not in out and max(map(len, out.splitlines())) <= 80 and "91.36" in out


def test_wrong_arguments(capsys, tmp_path):
    assert table(["4"]) == table(["1", "--format", "xml"]) == table([]) == 2
    assert table(["1", "--runs", str(tmp_path / "nowhere")]) == 3
    assert "nowhere: no such folder" in capsys.readouterr().err
