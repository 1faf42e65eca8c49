"""One bad result among many is left out by name, the others are shown: whatever JSON stands in
it.
"""

import copy
import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml
from hypothesis import strategies as st

from snnexp.cli.compare import compare
from snnexp.cli.sweep_jobs import jobs_of
from snnexp.cli.sweep_table import jobs_table, words_below
from snnexp.cli.table import table
from snnexp.report import curves
from snnexp.report import table as tables
from snnexp.report.columns import FORMATS, compared
from snnexp.report.comparison import Run, settings_of
from snnexp.results.fault import fault
from snnexp.results.run import RunResult
from snnexp.survey.measured import measured
from snnexp.survey.rows import rows
from tests.support.fake_run import BLOCK

KIND = "C: one bad file among many"
ROW = next(row for row in rows("1") if row.accuracy)
STAGE = {
    **{key: value for key, value in BLOCK.items() if key not in ("experiment", "reference")},
    **{
        "form": "spiking",
        "stage": "train",
        "train_seconds": 3.0,
        "seed": 1,
        "parameters": 7,
        "ann_accuracy": 97.0,
        "timesteps_per_layer": None,
    },
}
GOOD: dict[str, Any] = {
    **STAGE,
    **{
        "experiment": None,
        "neuron": "lif",
        "strategy": "bptt",
        "config_hash": "a",
        "device": "cpu",
        "threads": 1,
        "precision": "float32",
    },
    **{
        "versions": {"python": "3.11"},
        "git_commit": "abc+changes",
        "peak_memory_bytes": 9,
        "batch_size": 4,
        "processes": 1,
    },
    **{
        "reduced": ["dataset.validation", "epochs"],
        "given_budget": {"dataset.validation": 5, "epochs": 1},
    },
    **{
        "full_budget": {"dataset.validation": 0, "epochs": 3},
        "selection": "last",
        "test_images": 5,
    },
    **{"flags": ["silent: a"], "history": "older", "optimizer": "adam", "command": "snnexp train"},
    **{
        "conversion": {"a": {"mse": 0.1}},
        "resolution": [{"accuracy": 90.0}],
        "decision_time": {"median": 1.0},
    },
    "reference": {"rows": [ROW.id], "accuracy": 93.0, "timesteps": 4, "stages": {ROW.id: "train"}},
    "stages": {"pretrain": STAGE | {"form": "analog", "stage": "pretrain"}, "train": STAGE},
}
HOSTILE = [
    None,
    True,
    -1,
    0,
    5,
    1e308,
    -1e308,
    2**63,
    "high",
    "",
    "\x1b[2J",
    [],
    ["x"],
    [[1]],
    [None],
    [1.0, "x"],
    {},
    {"rows": 5},
    {"a": {"b": []}},
]


def leaves(branch: Any, prefix: tuple = ()) -> Iterator[tuple]:
    children = (
        branch.items()
        if isinstance(branch, dict)
        else enumerate(branch)
        if isinstance(branch, list)
        else ()
    )
    for key, value in children:
        yield (*prefix, key)
        yield from leaves(value, (*prefix, key))


def changed(path: tuple, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(GOOD)
    holder = result
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return result


def shown(result: dict[str, Any], forms: tuple[str, ...] = ("csv",)) -> None:
    """What tables, comparisons and pictures make of a result that has passed."""
    found = {"good": RunResult.from_json(GOOD), "other": RunResult.from_json(result)}
    runs = [Run(Path(name), each, settings_of(each, None), False) for name, each in found.items()]
    for form in forms:
        FORMATS[form](runs, compared(runs))
        if result.get("reference"):
            tables.FORMATS[form]("1", tables.lines([ROW], [*found.values()], {}))
    curves.published(runs[1])


def test_the_good_one_is_good():
    assert fault(GOOD) is None and measured(ROW, [RunResult.from_json(GOOD)]).accuracies == (96.5,)
    shown(GOOD, ("csv", "rich", "markdown"))


@pytest.mark.fault(KIND, "another kind of value at every key of a result")
@pytest.mark.soak
def test_any_value_at_any_key_is_refused_or_shown(happened):
    refused = passed = 0
    for path in leaves(GOOD):
        for value in HOSTILE:
            result = changed(path, value)
            if said := fault(result):
                assert "expected" in said or "missing" in said, said
                refused += 1
            else:
                shown(result)
                passed += 1
    happened(f"{refused} refused in words, {passed} shown, no traceback")
    assert refused > 500 and passed > 100


CONFIG = {
    "timesteps": 4,
    "neuron": {"_target_": "snnexp.neurons.lif.LIF", "leak": 0.5},
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.1},
    "strategy": {
        "stages": {
            "train": {"_target_": "a.B", "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.1}}
        }
    },
}


@pytest.mark.fault(KIND, "another kind of value at every key of a configuration that is compared")
def test_any_configuration_is_compared_or_refused(tmp_path, capsys, happened):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(json.dumps(GOOD))
        (tmp_path / name / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    codes = []
    for path in leaves(CONFIG):
        for value in HOSTILE:
            config = copy.deepcopy(CONFIG)
            holder: Any = config
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = value
            (tmp_path / "one" / "config.yaml").write_text(yaml.safe_dump(config))
            codes.append(compare([str(tmp_path / "one"), str(tmp_path / "two"), "--format", "csv"]))
    capsys.readouterr()
    assert set(codes) <= {0, 3} and codes.count(0) > 100
    happened(f"{codes.count(0)} compared, {codes.count(3)} refused in words")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from([ROW.id, "train", "accuracy"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*GOOD, *GOOD["reference"], "a.b", ""]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@hypothesis.settings(max_examples=200, deadline=None, database=None, derandomize=True)
@hypothesis.given(
    st.lists(st.tuples(st.sampled_from(list(leaves(GOOD))), VALUES), max_size=3),
    st.sampled_from(list(GOOD)),
)
def _explore(changes: list[tuple[tuple, Any]], without: str) -> None:
    result = copy.deepcopy(GOOD)
    for (*owners, key), value in changes:
        holder: Any = result
        for owner in owners:
            holder = holder[owner] if isinstance(holder, dict) and owner in holder else None
        if isinstance(holder, dict):
            holder[key] = value
    if len(changes) == 2:
        result.pop(without, None)
    if fault(result) is None:
        shown(result, ("csv", "rich", "markdown"))


@pytest.mark.fault(KIND, "any JSON at several keys of a result, drawn by hypothesis")
def test_any_json_is_refused_or_shown(happened):
    _explore()
    happened("refused in words or shown, no traceback")


BAD = {
    "word": {"stages": {"train": STAGE | {"accuracy": "high"}}},
    "number": {"stages": {"train": STAGE | {"accuracy_by_timestep": 5}}},
    "rows": {"reference": {"rows": 5}},
    "budget": {"given_budget": "x", "full_budget": {"epochs": 3}},
    "beyond": {"accuracy": 101.0},
    "hidden": {"stages": {"train": STAGE | {"accuracy_by_timestep": [90.0, None]}}},
    "dotted": {"operations.mac": "x"},
    "experiment": {"experiment": ["x"]},
}


@pytest.mark.fault(KIND, "results of other forms, a pipe and a loop of links among good ones")
def test_the_rest_is_shown(tmp_path, monkeypatch, capsys, happened):
    monkeypatch.chdir(tmp_path)
    for name, changes in {"good": {}, **BAD}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(json.dumps(GOOD | changes))
    (tmp_path / "loop.json").symlink_to("loop.json")
    (tmp_path / "lone.json").write_text("3")
    (tmp_path / "status.json").write_text('{"status": "finished"}')
    os.mkfifo(tmp_path / "pipe.json")
    assert table(["1", "--runs", str(tmp_path), "--format", "csv"]) == 0
    told = capsys.readouterr()
    line = next(line for line in csv.DictReader(io.StringIO(told.out)) if line["id"] == ROW.id)
    assert (line["measured"], line["n"]) == ("96.50", "1")
    for name in (
        *(f"{each}/result.json: not the result of a run (" for each in BAD),
        "pipe.json: not a regular file",
        "loop.json: cannot be read",
    ):
        assert (
            sum(name in each and each.endswith("; left out") for each in told.err.splitlines()) == 1
        ), name
    assert "lone" not in told.err and "status" not in told.err
    assert compare([str(tmp_path / "good"), *(str(tmp_path / name) for name in BAD)]) == 3
    assert capsys.readouterr().err.count("not the result of a run (") == len(BAD)
    happened("each left out by name with the reason, the good one shown")


@pytest.mark.parametrize("status", HOSTILE, ids=str)
@pytest.mark.parametrize("name", ["status.json", "result.json", "overrides.json"])
def test_the_summary_of_a_sweep_survives_its_files(tmp_path, name, status):
    for job in ("0_s1", "1_s2"):
        (tmp_path / job).mkdir()
        (tmp_path / job / "status.json").write_text('{"status": "finished"}')
        (tmp_path / job / name).write_text(json.dumps(status))
        (tmp_path / job / name).with_name("other.json").write_text(
            json.dumps({"status": status, "accuracy": status, "error": status})
        )
    (tmp_path / "sweep.json").write_text(json.dumps(status))
    jobs = jobs_of(tmp_path)
    assert len(jobs) == 2 and all(line.plain for line in words_below(tmp_path, jobs))
    assert jobs_table(tmp_path, jobs).row_count >= 2
