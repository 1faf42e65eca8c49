"""A sweep at W&B, read back from the files that it keeps offline; and the files that are made for
it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from snnexp.composition.compose import composed
from snnexp.configuration.check import check
from snnexp.jobs.folder import resolved
from snnexp.track.wandb_workspace import workspace_script
from tests.support.command_line import Shell
from tests.support.wandb_records import exit_codes, kept

TINY = (
    *("dataset.validation=1300", "epochs=1", "progress=plain", "architecture=mlp"),
    *("architecture.widths=[8]", "timesteps=2", "evaluate.images=20", "neuron=if"),
    *("neuron.amplitude=threshold", "checkpoint.every=null", "checkpoint.minutes=null"),
)
HEADLINE = ("accuracy", "timesteps", "spikes_per_neuron", "energy_joule", "validation_accuracy")


@pytest.fixture(scope="module")
def shell(tmp_path_factory) -> Iterator[Shell]:
    """Not a warm one, in which the first run ends before W&B has measured the machine."""
    shell = Shell(tmp_path_factory.mktemp("shell"))
    yield shell
    shell.close()


@pytest.fixture(scope="module")
def jobs(shell) -> dict[Path, dict[str, list[Any]]]:
    """What W&B keeps of the two jobs of a sweep, by their folders."""
    words = (*TINY, "strategy=bptt,conversion", "hydra.sweep.dir=my_sweep")
    chosen = ("tracker=[wandb,csv]", "tracker.weights=true", "tracker.system_metrics=true")
    said = shell("train", "-m", *words, *chosen, WANDB_TAGS="mine", WANDB_PROJECT="theirs")
    assert said.code == 0, said
    return {path: kept(path) for path in sorted((shell.folder / "my_sweep").glob("*_s?"))}


def summary(records: dict[str, list[Any]]) -> dict[str, Any]:
    return {
        key: value for each in records["summary"] for key, value in each.get("update", {}).items()
    }


def table(folder: Path, name: str) -> dict[str, Any]:
    (path,) = folder.glob(f"wandb/offline-run-*/files/media/table/tables/{name}_*.table.json")
    return json.loads(path.read_text())


pytestmark = pytest.mark.slow


def test_a_sweep_is_a_group_of_runs_named_after_what_differs(jobs):
    runs = [records["run"][0] for records in jobs.values()]
    names = [run["display_name"] for run in runs]
    assert [name.split(" dataset")[0].split(" validation")[0] for name in names] == [
        "strategy=bptt",
        "strategy=conversion",
    ]
    assert {run["run_group"] for run in runs} == {"my_sweep"}
    assert {run["project"] for run in runs} == {"theirs"}
    assert [run["job_type"] for run in runs] == ["bptt", "conversion"]
    for run in runs:
        assert {"encoder:direct", "neuron:if", "mine", f"strategy:{run['job_type']}"} <= {
            *run["tags"]
        }
    assert [exit_codes(records) for records in jobs.values()] == [[0]] * 2
    assert {run["config"]["update"]["sweep_folder"] for run in runs} == {"my_sweep"}
    assert [run["config"]["update"]["run_folder"] for run in runs] == [each.name for each in jobs]


def test_every_stage_has_an_axis_of_its_own(jobs):
    bptt, conversion = jobs.values()
    assert axes(bptt) == {"train/*": "train/epoch"}
    assert axes(conversion) == {"pretrain/*": "pretrain/epoch", "convert/*": "convert/epoch"}
    epochs = [step["item"] for step in conversion["history"][:-1]]
    assert [(step.get("pretrain/epoch"), step.get("convert/epoch")) for step in epochs] == [
        (1, None),
        (1, None),
        (None, 0),
    ]
    assert "convert/test/accuracy" in epochs[-1] and "pretrain/test/accuracy" in epochs[0]


def axes(records: dict[str, list[Any]]) -> dict[str, str]:
    return {
        each["glob_name"]: each["step_metric"] for each in records["metric"] if "glob_name" in each
    }


def test_summaries_compare(jobs):
    for folder, records in jobs.items():
        found, result = summary(records), json.loads((folder / "result.json").read_text())
        for key in HEADLINE:
            stored = result["operations"] if key == "energy_joule" else result
            assert found[key] == pytest.approx(stored[key]), key
        for name, stage in result["stages"].items():
            assert found[f"stages/{name}/accuracy"] == pytest.approx(stage["accuracy"])
            assert found[f"stages/{name}/timesteps"] == stage["timesteps"]


@pytest.mark.parametrize("name", ["accuracy_by_timestep", "layers", "stages"])
def test_tables_compare(jobs, name):
    found = [table(folder, name) for folder in jobs]
    assert len({tuple(each["columns"]) for each in found}) == 1
    assert all(f"tables/{name}._type" in summary(records) for records in jobs.values())
    for records, each in zip(jobs.values(), found, strict=True):
        rows = [dict(zip(each["columns"], row, strict=True)) for row in each["data"]]
        assert {row["run"] for row in rows} == {records["run"][0]["display_name"]}
        assert {row["strategy"] for row in rows} == {records["run"][0]["job_type"]}
        assert any(row["is_last"] for row in rows)


@pytest.mark.soak
def test_eighteen_runs_group_name_and_compare(shell):
    grid = ("strategy=bptt,conversion,hybrid", "timesteps=2,4", "seed=1,2,3")
    small = [each for each in TINY if not each.startswith("timesteps")]
    said = shell("train", "-m", *grid, *small, "tracker=wandb", "hydra.sweep.dir=eighteen")
    assert said.code == 0, said
    found = {path: kept(path) for path in (shell.folder / "eighteen").glob("*_s?")}
    runs = [records["run"][0] for records in found.values()]
    assert len({run["run_id"] for run in runs}) == len({run["display_name"] for run in runs}) == 18
    assert {run["run_group"] for run in runs} == {"eighteen"}
    kinds = [(run["job_type"], run["config"]["update"]["timesteps"]) for run in runs]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        (strategy, steps): 3 for strategy in ("bptt", "conversion", "hybrid") for steps in (2, 4)
    }
    for run, (strategy, steps) in zip(runs, kinds, strict=True):
        assert run["display_name"].startswith(f"strategy={strategy} timesteps={steps} seed=")
    for name in ("accuracy_by_timestep", "layers", "stages"):
        assert len({tuple(table(folder, name)["columns"]) for folder in found}) == 1
    assert all({*HEADLINE} <= summary(records).keys() for records in found.values())
    assert {tuple(exit_codes(records)) for records in found.values()} == {(0,)}


def test_weights_and_system_metrics_come_where_they_are_asked_for(jobs):
    for folder, records in jobs.items():
        (model,) = [each for each in records["artifact"] if each["type"] == "model"]
        files = {each["path"]: each["local_path"] for each in model["manifest"]["contents"]}
        assert files["weights.safetensors"] == str(folder / "weights.safetensors")
        assert {"config.yaml", "result.json"} < {*files}
        assert "proc.memory.rssMB" in records["stats"][0]["item"]


def test_a_second_tracker_has_all_of_it_too(jobs):
    assert all((folder / "metrics.csv").read_text().startswith("stage,epoch,") for folder in jobs)


def test_wandb_mode_disabled_leaves_nothing_of_wandb(shell):
    words = (*TINY, "strategy=ann", "hydra.run.dir=disabled")
    said = shell("train", *words, WANDB_MODE="disabled")
    assert said.code == 0 and (shell.folder / "disabled" / "result.json").exists(), said
    assert not (shell.folder / "disabled" / "wandb").exists()


def test_variables_that_cannot_be_obeyed_are_said_before_the_run(shell):
    said = shell("train", *TINY, "hydra.run.dir=no", WANDB_MODE="of", WANDB_PROJECT="a/b")
    assert said.code == 2 and not (shell.folder / "no").exists()
    assert (
        "WANDB_MODE: 'of' is no mode" in said.err and "WANDB_PROJECT: 'a/b' contains /" in said.err
    )


# The file of a sweep


def command(found: dict[str, Any]) -> list[str]:
    """The overrides that an agent would run, with the last value of every parameter."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    values = {
        key: {"value": each["values"][-1] if "values" in each else each["max"]}
        for key, each in found["parameters"].items()
    }
    macros = create_sweep_command_args({"args": values})
    words = found["command"][3:]
    return [each for word in words for each in macros.get(word[2:-1], [word])]


@pytest.mark.parametrize(
    "words, method, swept",
    [
        (["+search=surrogate"], "bayes", {"surrogate", "surrogate.width", "neuron.leak"}),
        (
            ["+sweep=timesteps", "architecture.layers=[4C3,AP4],[8C3,AP4]", "compile=true,false"],
            "grid",
            {"timesteps", "architecture.layers", "compile"},
        ),
        (
            ["+experiment=digits_hybrid,digits_plif", "seed=range(1,3)", "epochs=2"],
            "grid",
            {"+experiment", "seed"},
        ),
    ],
)
def test_the_file_of_a_sweep_calls_valid_commands(shell, words, method, swept):
    said = shell("wandb", "sweep", *words)
    assert said.code == 0, said
    found = yaml.safe_load(said.out)
    assert found["method"] == method and swept <= found["parameters"].keys()
    assert found["program"] == "snnexp" and found["command"][:3] == [
        "${env}",
        "${program}",
        "train",
    ]
    if method == "bayes":
        assert found["metric"] == {"name": "validation_accuracy", "goal": "maximize"}
        assert found["run_cap"] == 30
    check(resolved(composed(command(found))))


@pytest.mark.parametrize(
    "words, message",
    [
        (["neuron=if,liff"], "did you mean 'lif'?"),
        ([], "nothing is swept"),
        (["neuron.leak=interval(0.5,1)"], "set dataset.validation=N"),
        (["tracker=csv", "seed=1,2"], "set tracker=wandb"),
        (["+search=surogate"], "there is no option 'surogate'"),
    ],
)
def test_what_cannot_be_a_sweep_is_said(shell, words, message):
    said = shell("wandb", "sweep", *words)
    assert said.code == 2 and message in said.err and not said.out, said


# The script of a workspace


def test_the_workspace_draws_what_runs_record(shell, jobs, monkeypatch):
    said = shell("wandb", "workspace")
    assert said.code == 0 and said.out == workspace_script()
    found = panels(said.out, monkeypatch)
    recorded = {key for records in jobs.values() for key in summary(records)}
    assert {each["table_name"] for each in found if "table_name" in each} == {
        key.removesuffix("._type")
        for key in recorded
        if key.startswith("tables/") and "._type" in key
    }
    for each in found:
        assert {*each.get("metrics", []), *filter(None, [each.get("y")])} <= recorded
    assert {"pretrain", "train", "convert"} <= {
        stage
        for each in found
        for stage in each.get("metric_regex", "()")[1:].split(")")[0].split("|")
    }


class Parts:
    """Stands for the package that builds workspaces: every part is what it was called with."""

    def __getattr__(self, name):
        plain = ("SummaryMetric", "Metric", "Config")
        return lambda *words, **more: words[0] if name in plain else more


def panels(script: str, monkeypatch) -> list[dict[str, Any]]:
    import sys
    from types import ModuleType

    names = ("wandb_workspaces", "wandb_workspaces.reports", "wandb_workspaces.reports.v2")
    modules = {name: ModuleType(name) for name in names}
    modules["wandb_workspaces"].reports = modules["wandb_workspaces.reports"]
    modules["wandb_workspaces.reports"].v2 = modules["wandb_workspaces"].workspaces = Parts()
    modules |= {"wandb_workspaces.reports.v2": Parts(), "wandb_workspaces.workspaces": Parts()}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    scope: dict[str, Any] = {"__name__": "workspace"}
    exec(compile(script, "workspace.py", "exec"), scope)
    view, report = scope["workspace"]("me", "p"), scope["report"]("me", "p")
    assert view["project"] == report["project"] == "p" and len(view["sections"]) == 4
    return [panel for section in view["sections"] for panel in section["panels"]]
