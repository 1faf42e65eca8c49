"""What a result holds: every field once, read from files of every age, and written as it was."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from snnexp.files.atomic import dumps
from snnexp.report.outcomes import CIRCUMSTANCES, MEASURES
from snnexp.results.fault import fault, fault_of_stage
from snnexp.results.parts import Operations
from snnexp.results.read import NotAResult, read_result
from snnexp.results.record import hints
from snnexp.results.run import RunResult
from snnexp.results.share import Share, by_names
from snnexp.results.stage import CHOICES, StageResult
from tests.support.fake_run import BLOCK, RESULT, stage
from tests.support.tiny_run import job

ROOT = Path(__file__).parents[2]
RECORDED = sorted(
    path for path in (ROOT / "results").rglob("*.json") if "stages" in json.loads(path.read_text())
)


def lost(before: dict, after: dict, path: str = "") -> list[str]:
    """What is another value now, or gone; and what has come and is not null."""
    found = [f"{path}{key}" for key in after if key not in before and after[key] is not None]
    for key, value in before.items():
        if isinstance(value, dict) and isinstance(after.get(key), dict):
            found += lost(value, after[key], f"{path}{key}.")
        elif key not in after or value != after[key]:
            found.append(f"{path}{key}")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: "/".join(path.parts[-2:]))
def test_recorded_results_of_every_age_are_read_and_lose_nothing(path):
    found = json.loads(path.read_text())
    assert fault(found) is None and len(RECORDED) >= 57
    assert lost(found, RunResult.from_json(found).to_json()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("strategy=conversion", "neuron=if", "neuron.amplitude=threshold", "timesteps=8"),
        ("+experiment=digits_single_spike",),
    ],
    ids=["conversion", "single spike"],
)
def test_a_result_of_today_is_read_and_written_to_the_same_bytes(words, tmp_path):
    job(tmp_path, *words, "epochs=1", "evaluate.images=40", "dataset.validation=1300")
    text = (tmp_path / "result.json").read_text()
    result = RunResult.from_json(json.loads(text))
    assert f"{dumps(result.to_json(), indent=2)}\n" == text and not result.last.extra
    assert read_result(tmp_path / "result.json") == result


def test_fields_of_the_last_stage_stand_on_the_level_of_the_run():
    result = RunResult.from_json(RESULT)
    assert (
        result.last.accuracy == result.stages["finetune"].accuracy == 96.5
        and result.stages["pretrain"].epochs is None
    )
    assert result.last.operations == Operations(
        mac=1.2e6,
        ac=3.4e3,
        mac_ann=5e6,
        energy_joule=1.23e-5,
        energy_ann_joule=2.46e-5,
        energy_model="45 nm",
    )
    assert result.value("operations.mac") == 1.2e6 and result.value("nothing.at.all") is None
    assert (
        RunResult.from_json({**RESULT, "versions": {"torch": "2"}}).value("versions.torch") == "2"
    )


def test_what_a_stage_of_ones_own_shows_stands_under_its_name():
    found = stage().with_shown({"margin": [1, 2], "accuracy_last": 7}).with_shown({"margin": 3})
    assert (
        found.extra == {"margin": 3}
        and found.to_json()["margin"] == 3
        and found.accuracy_last == 7.0
    )
    assert StageResult.from_json(found.to_json()) == found
    with pytest.raises(
        ValueError, match="accuracy_last: expected a number .* show it under a name of its own"
    ):
        stage().with_shown({"accuracy_last": "high"})


def test_a_field_without_a_value_is_written_as_null_or_left_out():
    written = StageResult.from_json({"accuracy": 1, "accuracy_by_timestep": [1, None]}).to_json()
    assert (
        written["gap"] is None
        and written["threshold"] is None
        and written["accuracy_by_timestep"] == [1.0, None]
    )
    assert not {"ann_accuracy", "conversion", "train_seconds", "extra"} & written.keys()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("resolution", 3, "resolution: expected a list, got 3"),
        (
            "resolution",
            [{"accuracy": 101.0}],
            r"resolution\[0\].accuracy: expected a number in \[0, 100\]",
        ),
        ("conversion", [], "conversion: expected a mapping"),
        ("conversion", {"a": {"mse": "x"}}, "conversion.a.mse: expected a number or null"),
        ("spikes_by_layer", {"a": 3}, "spikes_by_layer.a: expected a mapping, got 3"),
        (
            "spikes_by_layer",
            {"a": {"neurons": -1}},
            "spikes_by_layer.a.neurons: expected a whole number >= 0",
        ),
        ("operations", {"mac": float("inf")}, "operations.mac: expected a number >= 0"),
        ("operations", [1], r"operations: expected a mapping"),
        ("reference", {"rows": [3]}, "reference.rows: expected a list of a word"),
        ("decision_time", {"median": "late"}, "decision_time: expected a mapping"),
        ("windows", 0, "windows: expected a whole number >= 1"),
        ("a.b", 1, "a key with a dot"),
    ],
)
def test_what_does_not_fit_a_field_is_refused_in_words(key, value, words, tmp_path):
    found = {**RESULT, key: value}
    (tmp_path / "result.json").write_text(json.dumps(found).replace("Infinity", "1e999"))
    with pytest.raises(Exception, match=words if value != {"mac": float("inf")} else "too large"):
        read_result(tmp_path / "result.json")
    assert re.search(words, fault(found)) and fault_of_stage({**BLOCK, key: value})
    assert fault({**RESULT, "stages": {"finetune": {**BLOCK, key: value}}}).startswith(
        "stages.finetune."
    )


def test_a_file_that_is_no_result_says_so(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(NotAResult, match="a.json: not the result of a run"):
        read_result(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("share", "name"),
    [
        (Share("epochs", None, 1, 2), "epochs"),
        (Share("epochs", "tune", 1, 2), "tune.epochs"),
        (Share("samples", "convert", 1, 2), "convert.samples"),
        (Share("validation", None, 5, 0), "dataset.validation"),
        (Share("images", None, 5, None), "evaluate.images"),
        (Share("threshold", None, 5, 9), "threshold.timesteps"),
        (Share("timesteps", "threshold", 5, 9), "threshold.timesteps"),
        (Share("rounds", None, 5, 9), "rounds"),
    ],
)
def test_a_share_is_known_again_by_its_name(share, name):
    stages = () if share.stage is None else (share.stage,)
    assert share.name == name and by_names({name: share.given}, {name: share.full}, stages) == [
        share
    ]


def test_what_comparisons_show_are_fields():
    known = {**hints(StageResult), **hints(RunResult)}
    assert {key.partition(".")[0] for key in (*MEASURES, *CIRCUMSTANCES)} <= known.keys()
    assert (
        CHOICES[:3] == ("experiment", "strategy", "dataset")
        and CHOICES[-1] == "calibration"
        and len(CHOICES) == 17
    )


def test_the_page_says_what_the_fields_say():
    page = runpy.run_path(str(ROOT / "scripts" / "result_fields.py"))["page"]()
    assert (ROOT / "docs" / "result.md").read_text() == page
    assert all(f"| `{name}` |" in page for name in {**hints(StageResult), **hints(RunResult)})


@pytest.mark.slow
def test_results_are_read_and_shown_without_torch():
    rooms = [ROOT / "snnexp" / name for name in ("results", "survey", "report")]
    files = [path.relative_to(ROOT) for room in rooms for path in room.glob("*.py")]
    modules = [".".join(path.with_suffix("").parts) for path in files]
    code = (
        f"import importlib, sys; [importlib.import_module(name) for name in {modules}]; "
        "sys.exit('torch' in sys.modules)"
    )
    assert len(modules) > 20 and subprocess.run([sys.executable, "-c", code]).returncode == 0
