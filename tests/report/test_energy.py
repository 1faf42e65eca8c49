"""Energy and early exits in words and tables."""

import json

import pytest
from rich.console import Console

from snnexp.report.comparison import read_run
from snnexp.report.energy import dearer, energy_lines
from snnexp.report.exits import exit_lines
from snnexp.report.outcomes import outcomes
from snnexp.report.summary import summary
from snnexp.results.run import RunResult
from snnexp.results.stage import StageResult
from snnexp.track.headline import figures
from snnexp.track.tables import tables

ENERGIES = {
    "cheap": {
        "source": "by hand",
        "first_layer": "once",
        "joule": 2e-9,
        "joule_by_part": {"ac": 2e-9},
        "ann_joule": 8e-9,
        "ann_bits": 2,
        "ann_bits_joule": 1e-9,
        "ann_joule_by_bits": {"1": 0.5e-9, "2": 1e-9},
    },
    "dear": {
        "source": "by hand",
        "first_layer": "once",
        "joule": 9e-6,
        "joule_by_part": {"ac": 9e-6},
        "joule_by_timestep": [3e-6, 6e-6, 9e-6],
        "ann_joule": 6e-6,
    },
    "chip": {"source": "a", "first_layer": "once", "joule": 1e-6, "joule_by_part": {}},
}
EXITS = [
    {"rule": rule, "threshold": 0.625, "learned": learned, "accuracy": 90.5, "timesteps": 1.5}
    | {"early": 80.0, "spikes_per_inference": 7.0, "joule": {"cheap": 1e-9}}
    for rule, learned in (("margin", True), ("margin", False), ("scales", False))
]
FOUND = {
    "accuracy": 91.0,
    "accuracy_by_timestep": [50.0, 80.0, 91.0],
    "timesteps": 3,
    "form": "spiking",
    "operations": {"mac": 1, "ac": 2, "mac_ann": 3, "energy_joule": 4e-9, "energy_ann_joule": 8e-9},
    "energies": ENERGIES,
    "exits": EXITS,
}
RESULT = StageResult.from_json(FOUND)


def test_a_line_says_where_the_network_is_dearer_than_its_ann_and_up_to_when_it_is_not():
    (line,) = dearer(RESULT)
    assert line == "dear: 1.5 times the ANN, 9 uJ against 6 uJ at T = 3; cheaper up to t = 2"


@pytest.mark.parametrize(
    "curve, end", [([7e-6, 8e-6, 9e-6], "; at no t cheaper"), (None, "at T = 3")]
)
def test_a_curve_that_is_never_cheaper_or_not_known(curve, end):
    changed = {**ENERGIES["dear"], "joule_by_timestep": curve}
    (line,) = dearer(StageResult.from_json({**FOUND, "energies": {"dear": changed}}))
    assert line.endswith(end)


def test_every_figure_of_energy_has_the_name_of_its_model():
    assert energy_lines(RESULT) == [
        "cheap  2 nJ, 0.25 x ANN, 2 x at 2 bits",
        "dear  9 uJ, 1.5 x ANN",
        "chip  1 uJ",
    ]


def test_exits_that_were_learned_or_come_from_norms_are_told():
    assert exit_lines(RESULT) == [
        "margin >= 0.625: 90.50 % at mean t = 1.5, 1 nJ (cheap)",
        "scales < 0.625: 90.50 % at mean t = 1.5, 1 nJ (cheap)",
    ]


def shown(result: StageResult, tmp_path) -> str:
    page = Console(width=200, record=True, file=open(tmp_path / "page", "w"))
    with page.file:
        summary(result, tmp_path, page)
        return page.export_text()


def test_the_end_of_a_run_shows_them(tmp_path):
    text = shown(RESULT, tmp_path)
    assert all(word in text for word in ("dearer than its ANN", "early exit", "cheap 2 nJ"))


def test_an_older_result_has_the_model_of_its_time(tmp_path):
    older = {key: value for key, value in FOUND.items() if key not in ("energies", "exits")}
    text = shown(StageResult.from_json(older), tmp_path)
    assert "4 nJ, 0.5 times the ANN's 8 nJ (45 nm, float32)" in text and "dearer" not in text


def test_a_comparison_has_a_line_for_every_model_and_learned_exit(tmp_path):
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**FOUND, "stages": {"train": FOUND}}))
    lines = {line.key: (line.name, line.values) for line in outcomes([read_run(path)])}
    assert lines["energies.dear.joule"] == ("energy, dear", (9e-6,))
    assert lines["energies.cheap.ann_joule"] == ("of ANN, cheap", (8e-9,))
    assert lines["exits.margin.timesteps"] == ("mean t of that exit", (1.5,))
    assert "exits.scales.accuracy" not in lines


def test_trackers_get_tables_of_both():
    result = RunResult.from_json({**FOUND, "stages": {"train": {**FOUND, "stage": "train"}}})
    found = tables(result, "run")
    rows = [
        dict(zip(found["energies"].columns, row, strict=True)) for row in found["energies"].rows
    ]
    told = [(row["model"], row["timestep"], row["joule"], row["ann_bits_joule"]) for row in rows]
    assert told == [
        ("cheap", 3, 2e-9, 1e-9),
        ("dear", 1, 3e-6, None),
        ("dear", 2, 6e-6, None),
        ("dear", 3, 9e-6, None),
        ("chip", 3, 1e-6, None),
    ]
    assert [row["accuracy"] for row in rows] == [91.0, 50.0, 80.0, 91.0, 91.0]
    assert len(found["exits"].rows) == 3 and json.loads(found["exits"].rows[0][-1])["cheap"] == 1e-9
    assert figures(RESULT)["energies/dear"] == 9e-6
