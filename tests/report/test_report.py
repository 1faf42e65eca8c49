"""The report of runs: what it warns of, what stands in it, that it asks for nothing and obeys
nobody, and that it can be read again.
"""

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from snnexp.cli.compare import compare
from snnexp.cli.plot import plot
from snnexp.cli.report import report
from snnexp.files.foreign import Unreadable
from snnexp.report.answers import answers_of, read_answers
from snnexp.report.blocks.warnings import warnings
from snnexp.report.comparison import read_run
from snnexp.report.order import ORDER, plots
from snnexp.report.records import records_of
from snnexp.report.twin import read_report
from snnexp.results.run import RunResult
from tests.support.command_line import ROOT
from tests.support.fake_run import BLOCK
from tests.support.report_runs import predictions, run, sweep

EVIL = '<script>alert("1")</script><img src=x onerror=alert(2)>'


class Page(HTMLParser):
    """The elements of a page, their attributes, and the text of its scripts."""

    def __init__(self, path: Path):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for key, value in attrs if key == "id"]


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    """A folder with two runs and their report, one of them with names that are markup."""
    folder = tmp_path_factory.mktemp("two")
    layers = {EVIL: {"neurons": 10, "spikes_per_neuron": 0.25}}
    run(folder / "a", experiment="first")
    run(
        folder / "b",
        (EVIL, "b", "c"),
        experiment=EVIL,
        spikes_by_layer=layers,
        flags=[f"silent: {EVIL}"],
        command=f"snnexp train '{EVIL}'",
    )
    assert report([str(folder / "a"), str(folder / "b"), "-o", str(folder / "r.html")]) == 0
    return folder


def said(**more) -> list[str]:
    block = {**BLOCK, "form": "spiking", **more}
    return [*warnings(RunResult.from_json({**block, "stages": {"train": block}}))]


def test_a_run_without_faults_has_no_warnings():
    assert said() == []


@pytest.mark.parametrize(
    "more, words",
    [
        ({"flags": ["silent: body.layer1"]}, ["silent: body.layer1: never fires"]),
        ({"flags": ["saturated: body.layer2"]}, ["saturated: body.layer2: fires at every"]),
        ({"flags": ["debug: limit"]}, ["debug: limit"]),
        ({"undecided": 0.5}, ["undecided: 0.50 % of the images"]),
        ({"undecided": 2.5, "flags": ["undecided: 2.5 % of the images"]}, ["undecided: 2.5 %"]),
        (
            {"operations": {**BLOCK["operations"], "energy_joule": 4.92e-5}},
            ["the SNN costs 2 times its ANN: 49.2 uJ an image against 24.6 uJ (45 nm)"],
        ),
        (
            {
                "reduced": ["epochs"],
                "given_budget": {"epochs": 3},
                "full_budget": {"epochs": 300},
            },
            ["reduced: epochs: 3 where the experiment has 300"],
        ),
        ({"selection": "best_test"}, ["the weights were chosen by their accuracy on the test set"]),
    ],
)
def test_what_a_result_should_not_be_read_without_is_said(more, words):
    found = said(**more)
    assert len(found) == len(words)
    assert all(each.startswith(word) for each, word in zip(found, words, strict=True)), found


def test_a_page_is_one_file_that_asks_for_nothing(two):
    page = two / "r.html"
    text, parts = page.read_text(), Page(page)
    assert len(text) < 10**6 and "http:" not in text and "https:" not in text
    assert {"img", "iframe", "object", "embed", "form", "base"} & set(parts.tags) == set()
    fetched = [(k, v) for k, v in parts.attributes if k in ("src", "srcset", "href", "action")]
    assert all(value == "data:," or value.startswith("#") for _, value in fetched)
    assert "url(" not in text and "@import" not in text
    assert "default-src &#x27;none&#x27;" in text and "prefers-color-scheme:dark" in text


def test_what_others_have_written_is_text(two):
    page = two / "r.html"
    parts = Page(page)
    assert parts.tags.count("script") == 1 and "img" not in parts.tags
    assert not [key for key, _ in parts.attributes if key.startswith("on")]
    assert "&lt;script&gt;alert" in page.read_text()


def test_every_part_is_there_and_every_link_leads_somewhere(two):
    parts = Page(two / "r.html")
    present = {*ORDER} - {"sweep"}
    assert {*parts.ids} == present | {"snnexp"}
    links = [value for key, value in parts.attributes if key == "href" and value != "data:,"]
    assert {link.removeprefix("#") for link in links} == present
    assert parts.tags.count("svg") == parts.tags.count("figure") >= 10


def test_a_report_is_read_again_as_its_runs(two, capsys):
    first, second = read_report(two / "r.html")
    original = read_run(two / "a")
    assert first.result == original.result and first.settings == original.settings and first.whole
    assert second.result.last.experiment == EVIL
    assert compare([str(two / "a"), str(two / "b"), "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert compare([str(two / "r.html"), "--format", "csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == lines


def test_a_report_of_a_report_is_the_same_but_for_what_lies_beside_the_runs(two, tmp_path):
    assert report([str(two / "r.html"), "-o", str(tmp_path / "again.html")]) == 0
    assert [each.result for each in read_report(tmp_path / "again.html")] == [
        each.result for each in read_report(two / "r.html")
    ]


@pytest.mark.parametrize(
    "text", ["", "<html></html>", '<script type="application/json" id="snnexp">{"runs":3}</script>']
)
def test_a_page_that_is_no_report_is_refused(tmp_path, capsys, text):
    (tmp_path / "r.html").write_text(text)
    with pytest.raises(Unreadable, match="no report of runs"):
        read_report(tmp_path / "r.html")
    assert compare([str(tmp_path / "r.html")]) == 3
    assert "`snnexp report` has written" in capsys.readouterr().err


def test_what_is_not_there_is_said(tmp_path):
    folder = run(tmp_path / "a")
    for name in ("metrics.jsonl", "predictions.npz"):
        (folder / name).unlink()
    assert report([str(folder), "-o", str(tmp_path / "r.html")]) == 0
    text = (tmp_path / "r.html").read_text()
    assert "no weights beside this result" in text and "No records of epochs" in text
    assert "evaluate.predictions=true` keeps them" in text


def test_no_number_is_too_much(tmp_path):
    operations = {**BLOCK["operations"], "energy_joule": 1e-30, "energy_ann_joule": 1e30}
    folder = run(
        tmp_path / "a",
        operations=operations,
        spikes_per_neuron=0.0,
        accuracy=0.0,
        accuracy_by_timestep=[None, None, 0.0],
        spikes_by_layer={"": {"neurons": None, "spikes_per_neuron": None}},
        ann_accuracy=100.0,
    )
    lines = ["{", "3", '{"stage": 1}', '{"stage": "x", "epoch": 1, "train/loss": NaN}']
    lines += [f'{{"stage": "x", "epoch": {n}, "train/loss": 1e{n * 30}}}' for n in range(20)]
    lines += ['{"stage": "x", "epoch": 1e999}', '{"stage": "x", "epoch": 2, "test/loss": [1]}']
    (folder / "metrics.jsonl").write_text("\n".join(lines))
    assert report([str(folder), "-o", str(tmp_path / "r.html")]) == 0
    assert [*Page(tmp_path / "r.html").ids].count("training") == 1
    assert len(read_report(tmp_path / "r.html")) == 1


def test_a_long_training_is_thinned_and_keeps_its_end(tmp_path):
    folder = run(tmp_path / "a")
    lines = [f'{{"stage": "x", "epoch": {n}, "test/accuracy": 50.0}}' for n in range(1, 5001)]
    (folder / "metrics.jsonl").write_text("\n".join(lines))
    found = records_of(folder)
    assert len(found) <= 1001 and (found[0]["epoch"], found[-1]["epoch"]) == (1, 5000)


def test_a_sweep_has_its_table_and_its_fronts(tmp_path, capsys):
    assert report([str(sweep(tmp_path / "s")), "-o", str(tmp_path / "s.html")]) == 0
    text = re.sub(r"<[^>]*>", " ", (tmp_path / "s.html").read_text())
    assert "6 runs of a sweep" in text and re.search(r"mean/2\s+if\s+90\.50 ±0\.71", text)
    assert "front: no other is as good for less" in text
    assert len(read_report(tmp_path / "s.html")) == 6
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "sweep.json").write_text(json.dumps({"jobs": [["seed=1"]]}))
    assert report([str(tmp_path / "empty"), "-o", str(tmp_path / "e.html")]) == 3
    assert "no job of this sweep has finished" in capsys.readouterr().err


def test_recorded_results_have_a_report_too(tmp_path):
    folder = ROOT / "results" / "cifar10_rmp_resnet20"
    assert report([str(folder / "s1.json"), "-o", str(tmp_path / "r.html")]) == 0
    text = (tmp_path / "r.html").read_text()
    assert len(text) < 500_000 and "the SNN costs 21 times its ANN" in text
    assert "published 91.36 %, T = 2048" in text


def figures(tmp_path: Path, kind: str, *runs: Path) -> list[dict[str, str]]:
    file = tmp_path / f"{kind}.csv"
    assert plot([*map(str, runs), kind, "-o", str(file)]) == 0
    return [*csv.DictReader(io.StringIO(file.read_text()))]


def test_a_plot_has_its_figures(tmp_path):
    one = run(tmp_path / "a")
    rows = figures(tmp_path, "accuracy", one)
    curve = [row for row in rows if row["timesteps t"] and "published" not in row["series"]]
    assert [float(row["test accuracy (%)"]) for row in curve] == [50.0, 80.0, 90.0, 96.5]
    (published,) = (row for row in rows if row["series"].startswith("published"))
    assert (published["timesteps t"], published["test accuracy (%)"]) == ("6", "93.16")
    (layer,) = figures(tmp_path, "layers", one)
    assert (layer["layer"], layer["spikes per neuron and image"]) == ("hidden.1", "0.25")
    energy = figures(tmp_path, "energy", one)
    assert energy[0]["energy per image"] == "1.23e-05"
    counts = {
        (row["class"], row["answer"]): row["images"] for row in figures(tmp_path, "confusion", one)
    }
    assert counts["a", "a"] == counts["a", "b"] == "1" and counts["b", "b"] == "2"
    accuracies = [row["test accuracy (%)"] for row in figures(tmp_path, "classes", one)]
    assert accuracies == ["50.0", "100.0", "0.0"]
    settled = figures(tmp_path, "settling", one)
    assert [float(row["images with their last answer (%)"]) for row in settled] == [40, 60, 80, 100]
    values = {row["series"]: row for row in figures(tmp_path, "conversion", one)}
    assert values["dead"]["correlation, and shares of neurons"] == "0.95"


@pytest.mark.parametrize("kind", [kind for kind in plots() if kind not in ("raster", "traces")])
def test_every_plot_is_drawn_by_itself(two, tmp_path, kind):
    runs = [str(two / "a"), str(two / "b")]
    assert plot([*runs, kind, "-o", str(tmp_path / "p.svg")]) == 0
    text = (tmp_path / "p.svg").read_text()
    assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg"') and "var(--" not in text
    assert "<script" not in text and "<title>" in text and "<desc>" in text


@pytest.mark.slow
def test_a_picture_is_a_picture(two, tmp_path):
    pytest.importorskip("matplotlib")
    for kind in ("accuracy", "confusion", "conversion"):
        assert plot([str(two / "a"), kind, "-o", str(tmp_path / "p.png")]) == 0
        assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_drawn_is_answered_with_the_reason(two, tmp_path, capsys):
    assert plot([str(two / "a"), "raster", "-o", str(tmp_path / "p.svg")]) == 2
    assert "nothing to draw of raster" in (told := capsys.readouterr().err)
    assert "no weights beside this result" in told
    assert plot([str(two / "a"), "accuracy", "-o", str(tmp_path / "p.pdf")]) == 2
    assert "should end in .png, .svg, .csv" in capsys.readouterr().err
    assert report([str(two / "a"), "-o", str(tmp_path / "r.txt")]) == 2
    assert "should end in .html" in capsys.readouterr().err
    assert report([str(tmp_path / "nowhere"), "-o", str(tmp_path / "r.html")]) == 3
    assert "not there" in capsys.readouterr().err and not (tmp_path / "r.html").exists()


def test_answers_are_counted(tmp_path):
    predictions(tmp_path / "predictions.npz")
    found = read_answers(tmp_path / "predictions.npz")
    assert found.confusion == ((1, 1, 0), (0, 2, 0), (0, 0, 0)) and found.images == (2, 2, 1)
    assert found.accuracies() == [50.0, 100.0, 0.0] and found.first_wrong == 1
    assert found.settled == (40.0, 60.0, 80.0, 100.0)
    assert found.mean_settled == pytest.approx((1 + 2 + 3 + 4 + 1) / 5)


def test_answers_of_an_evaluation_for_them_alone_stand_for_those_of_the_run(tmp_path):
    again = tmp_path / "evaluations"
    again.mkdir()
    predictions(again / "1.npz")
    for changes, known in ((["timesteps=8"], False), (["evaluate.predictions=true"], True)):
        (again / "1.json").write_text(json.dumps({"changes": changes}))
        assert (answers_of(tmp_path) is not None) is known


@pytest.mark.parametrize(
    "arrays",
    [
        {"labels": np.array([0, 1])},
        {"labels": np.array([0, 0, 1, 1, 3])},
        {"answers": np.array([0, 0, 1, 1, 7])},
        {"answers": np.array([0.0, 0.5, 1.0, 1.0, 2.0])},
        {"labels": np.array([{}, {}, {}, {}, {}], dtype=object)},
    ],
)
def test_answers_that_are_none_are_said_to_be(tmp_path, arrays):
    folder = run(tmp_path / "a")
    predictions(folder / "predictions.npz", **arrays)
    with pytest.raises(Unreadable, match="no predictions"):
        read_answers(folder / "predictions.npz")
    assert report([str(folder), "-o", str(tmp_path / "r.html")]) == 0
    assert "no predictions" in (tmp_path / "r.html").read_text()
