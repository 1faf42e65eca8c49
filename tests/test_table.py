"""The survey's tables: every published row, filled by a recorded run and empty without it."""

import csv
import io
import json

import pytest

from snnexp.cli.main import MISSING
from snnexp.cli.table import experiments, table
from snnexp.survey.measured import measured, status
from snnexp.survey.rows import TABLES, rows

COUNTS = {"1": 14, "2": 7, "3": 35, "text": 23}


def _result(row: str, accuracy: float, curve: list[float], **more) -> dict:
    block = {"accuracy": accuracy, "accuracy_by_timestep": curve, "spikes_per_neuron": 2.0, "epochs": 3}
    return {**block, "reference": {"rows": [row]}, "stages": {"train": block}, **more}


def _printed(capsys, *arguments: str) -> list[dict[str, str]]:
    assert table([*arguments, "--format", "csv"]) == 0
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_there_once(name):
    ids = [row.id for row in rows(name)]
    assert len(ids) == len(set(ids)) == COUNTS[name]


def test_a_result_fills_its_row_and_its_deletion_empties_it(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed, accuracy in enumerate((89.0, 90.0)):
        path = tmp_path / "runs" / f"s{seed}" / "result.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(_result("t3-cifar10-38-256", 91.0, [*[10.0] * 255, accuracy, 91.0])))
    lines = {line["id"]: line for line in _printed(capsys, "3", "--runs", "runs")}
    filled = lines["t3-cifar10-38-256"]
    assert len(lines) == 35 and filled["accuracy"] == "89.37"
    assert [filled[key] for key in ("measured", "std", "n", "measured_timesteps", "gap", "status")] == [
        *("89.50", "0.71", "2", "256", "+0.13", "reproduced")
    ]
    for path in (tmp_path / "runs").glob("*/result.json"):
        path.unlink()
    emptied = {line["id"]: line for line in _printed(capsys, "3", "--runs", "runs")}["t3-cifar10-38-256"]
    assert emptied["measured"] == "" and emptied["status"] == "not run"


def test_status():
    row = next(row for row in rows("text") if row.id == "text-mnist-31")
    assert [status(row, measured(row, [_result(row.id, accuracy, [accuracy])])) for accuracy in (99.5, 98.93, 98.9)] == [
        *("reproduced", "reproduced", "below")
    ]
    short = _result(row.id, 98.0, [98.0], full_budget={"epochs": 100})
    assert status(row, measured(row, [short])) == "partial"
    assert "epochs 3 of 100" in measured(row, [short]).budget
    assert status(row, None) == "not run"


def test_experiments_name_rows_that_exist():
    known = {row.id for name in TABLES for row in rows(name)}
    assert set(experiments()) <= known and len(experiments()) >= 5
    assert "table" not in MISSING


@pytest.mark.parametrize("form", ["rich", "markdown"])
def test_other_forms_show_published_figures(form, capsys):
    assert table(["1", "--format", form]) == 0
    assert "93.16" in capsys.readouterr().out
