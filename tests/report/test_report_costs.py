"""Energy models, early exits and NeuroBench's metrics in a report."""

import csv

import pytest

from snnexp.cli.plot import plot
from snnexp.cli.report import report
from snnexp.report.blocks.warnings import warnings
from snnexp.report.comparison import read_run
from tests.support.report_runs import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return run(tmp_path_factory.mktemp("costs") / "a", ann_accuracy=97.0)


def figures(folder, kind):
    file = folder.parent / f"{kind}.csv"
    assert plot([str(folder), kind, "-o", str(file)]) == 0
    return [*csv.DictReader(file.read_text().splitlines())]


def test_energy_is_drawn_at_every_timestep_of_models_that_tell_it(folder):
    rows = figures(folder, "energies")
    places = [(float(row["energy per image"]), float(row["test accuracy (%)"])) for row in rows]
    assert places[:4] == [(1e-6, 50.0), (2e-6, 80.0), (3e-6, 90.0), (4e-6, 96.5)]
    assert places[4:] == [(5e-7, 97.0), (2e-6, 97.0)]
    assert {row["plot"] for row in rows} == {"Accuracy against energy, one"}


def test_exits_are_drawn_by_rule_up_to_the_whole_run(folder):
    rows = figures(folder, "exits")
    places = [
        (float(row["mean timestep of the exit"]), float(row["test accuracy (%)"])) for row in rows
    ]
    assert places == [(2.5, 90.0), (3.5, 95.0), (4.0, 96.5)]


def test_the_page_has_tables_of_all(folder):
    page = folder.parent / "r.html"
    assert report([str(folder), "-o", str(page)]) == 0
    text = page.read_text()
    row = "<td>4 uJ</td><td>2 uJ</td><td>2</td><td>500 nJ (3 bits)</td><td>8</td>"
    assert row in text and "one: a source &lt;i&gt;" in text
    assert "margin, learned" in text and "<td>2.50</td>" in text
    assert "effective acs" in text and "<td>1.5 k</td>" in text and "<td>0.250</td>" in text


def test_a_network_that_costs_more_by_a_model_is_warned_of(folder):
    (told,) = (each for each in warnings(read_run(folder).result) if "ANN" in each)
    assert told.startswith(
        "the SNN costs more than its ANN by 1 of the energy models: one: 2 times"
    )
