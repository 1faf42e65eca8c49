"""Pages and pictures that are made of records or of the code say what those say."""

import csv
import runpy
from pathlib import Path
from typing import Any

import pytest

from snnexp.survey.rows import TABLES, rows
from tests.support.documented import PAGES
from tests.support.options import options

ROOT = Path(__file__).parents[2]


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / f"{name}.py"))


@pytest.mark.slow
def test_tables_say_what_is_recorded():
    made = script("tables")["pages"]()
    assert len(made) == 2
    assert all(path.read_text() == text for path, text in made.items()), "make tables"


def test_the_flat_file_has_every_row_once_and_its_figures_where_there_are_runs():
    with (ROOT / "results" / "results.csv").open(newline="") as file:
        lines = {line["row"]: line for line in csv.DictReader(file)}
    assert [*lines] == [row.id for table in TABLES for row in rows(table)]
    for line in lines.values():
        run = bool(line["measured"])
        assert run == (line["verdict"] not in ("not run", "no experiment"))
        assert all(bool(line[key]) == run for key in ("n", "T", "commit", "machine"))
        assert bool(line["energy_joule"]) == bool(line["energy_model"])
    stbp = lines["text-mnist-31"]
    assert (stbp["published"], stbp["measured"], stbp["n"], stbp["T"]) == (
        "99.42",
        "99.35",
        "1",
        "20",
    )
    assert float(stbp["energy_joule"]) == pytest.approx(7982467.6262 * 0.9e-12, rel=1e-3)
    assert lines["t3-cifar10-38-256"]["energy_joule"] == ""  # the run went on to T = 2048


@pytest.mark.slow
def test_the_picture_of_all_strategies_is_that_of_the_records():
    figure = script("strategies_figure")
    assert all(path.read_text() == text for path, text in figure["pictures"]().items())
    strategies = {series.label.partition(",")[0] for series in figure["chart"]().series}
    assert strategies == {*options("strategy")}


@pytest.mark.slow
def test_every_strategy_has_a_page_with_what_is_recorded_of_it():
    made = script("strategy_pages")["pages"]()
    assert {path.stem for path in made} == {*options("strategy")}
    assert all(path.read_text() == text for path, text in made.items()), "make tables"


@pytest.mark.slow
def test_the_page_of_options_is_that_of_the_yaml():
    made = script("options")
    assert made["PAGE"].read_text() == made["page"](), "make pages"


def test_the_table_of_contents_has_every_page():
    contents = (ROOT / "docs" / "index.md").read_text()
    pages = {path.name for path in PAGES if path.parent == ROOT / "docs"} - {"index.md"}
    assert {name for name in pages if f"({name})" not in contents} == set()
