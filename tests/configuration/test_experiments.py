"""Experiments as records: what they stand for, what they choose, and what their heads say of
both.
"""

import csv
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from snnexp.composition.catalogue import headline
from snnexp.configuration.build import GROUPS
from snnexp.configuration.check import check
from snnexp.datasets.dataset import Dataset
from tests.support.composed import added, configuration, unresolved
from tests.support.marks import soak
from tests.support.options import CONF, options, written

ROOT = Path(__file__).parents[2]
EXPERIMENTS = options("experiment")
SHARED = ("recipe", "training", "pixels")
LABELS = ("Rows", "Published", "Run", "Measured", "As in the source", "Deviations", "Notes")
OF_ROWS = set(LABELS) - {"Notes"}
WIDTH = 100


@pytest.fixture(autouse=True)
def no_data_is_read(monkeypatch):
    def load(dataset):
        raise AssertionError("the check has read data")

    monkeypatch.setattr(Dataset, "load", load)


@cache
def text(name: str, group: str = "experiment") -> str:
    return (CONF / group / f"{name}.yaml").read_text()


@cache
def contents(name: str, group: str = "experiment") -> dict[str, Any]:
    """A file as it is written, not composed."""
    return written(group, name)


def reference(name: str) -> dict[str, Any]:
    return contents(name).get("reference") or {"rows": []}


WITH_ROWS = [name for name in EXPERIMENTS if reference(name)["rows"]]


@cache
def survey() -> dict[str, dict[str, str]]:
    """The published rows by name, as they stand in the table."""
    with (ROOT / "snnexp" / "survey" / "rows.csv").open(newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def head(name: str) -> list[str]:
    """The comments at the beginning of a file, without Hydra's directive."""
    directive, *lines = text(name).splitlines()
    assert directive == "# @package _global_"
    number = next(
        (index for index, line in enumerate(lines) if not line.startswith("#")), len(lines)
    )
    return lines[:number]


def labels(name: str) -> dict[str, str]:
    """What stands behind each label of a head, in one line."""
    found: dict[str, str] = {}
    for line in re.sub(r"\n#   +", " ", "\n".join(head(name))).splitlines()[1:]:
        label = re.fullmatch(r"# ([A-Z][a-z ]+): (\S.*)", line)
        assert label is not None, f"neither a label nor indented behind one: {line}"
        assert label[1] not in found
        found[label[1]] = label[2]
    return found


# Heads


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_head_has_a_title_and_labels_in_order(name):
    assert re.match(r"# [^\s#].*\.$", "# " + headline(CONF / "experiment" / f"{name}.yaml"))
    assert [*labels(name)] == [label for label in LABELS if label in labels(name)]
    assert re.match(rf"snnexp train \+experiment={name}(?!\w)", labels(name)["Run"])
    assert max(map(len, text(name).splitlines())) <= WIDTH


@pytest.mark.parametrize("name", WITH_ROWS)
def test_the_head_of_an_experiment_with_rows_is_complete(name):
    assert labels(name).keys() >= OF_ROWS


@pytest.mark.parametrize("name", WITH_ROWS)
def test_the_title_names_the_paper_by_its_number(name):
    papers = {survey()[row]["reference"] for row in reference(name)["rows"]}
    assert all(f"[{paper}]" in head(name)[0] for paper in papers)


@pytest.mark.parametrize("name", WITH_ROWS)
def test_the_head_names_the_rows_and_the_stages_that_stand_for_them(name):
    stages = reference(name).get("stages") or {}
    rows = [
        f"{row} (stage {stages[row]})" if row in stages else row for row in reference(name)["rows"]
    ]
    assert labels(name)["Rows"] == ", ".join(rows)


@pytest.mark.parametrize("name", WITH_ROWS)
def test_what_was_published_is_what_the_survey_says(name):
    rows = [survey()[row] for row in reference(name)["rows"]]
    figures = ", ".join(figure(row) for row in rows if row["accuracy"]) or "no figure"
    assert re.match(rf"{re.escape(figures)}(;|\.$)", labels(name)["Published"])


def figure(row: dict[str, str]) -> str:
    return f"{row['accuracy']} %" + (f" at T = {row['timesteps']}" if row["timesteps"] else "")


@pytest.mark.slow
def test_what_was_measured_is_what_is_recorded():
    words = runpy.run_path(str(ROOT / "scripts" / "heads.py"))["words"]
    measured = {name: words(name) for name in EXPERIMENTS}
    assert {name: labels(name).get("Measured") for name in EXPERIMENTS} == measured
    assert {"not run.", None} < set(measured.values())
    assert measured["mnist_tandem_cnn"].startswith("99.46 % at T = 8, seed 1, ")


# What an experiment stands for


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_ROWS)
def test_a_published_figure_is_that_of_a_row(name):
    rows = [survey()[row] for row in reference(name)["rows"]]
    stated = (reference(name)["accuracy"], reference(name)["timesteps"])
    assert stated in [(number(row["accuracy"]), number(row["timesteps"])) for row in rows]
    assert configuration(f"+experiment={name}")["reference"] == reference(name)


def number(cell: str) -> float | int | None:
    if not cell:
        return None
    return int(cell) if cell.isdigit() else float(cell)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in WITH_ROWS if "read_at" in reference(name)])
def test_another_timestep_stands_for_the_published_one_where_there_is_no_such(name):
    assert reference(name)["read_at"] == configuration(f"+experiment={name}")["timesteps"]
    assert reference(name)["read_at"] != reference(name)["timesteps"]


def test_some_experiments_stand_for_rows():
    assert len(WITH_ROWS) >= 40


# What an experiment chooses


LARGE = {
    *("imagenet_few_spikes_efficientnet_b7", "imagenet_few_spikes_resnet50"),
    *("imagenet_tsc_short_resnet34", "imagenet_sew_resnet152"),
}
"""Take a second and more; others here have their method."""


@pytest.mark.slow
@pytest.mark.parametrize("name", [soak(each) if each in LARGE else each for each in EXPERIMENTS])
def test_every_experiment_passes_the_check_without_data(name):
    check(configuration(f"+experiment={name}"))


def entries(name: str, group: str = "experiment") -> list[tuple[str, str]]:
    """The defaults list of a file, but for `_self_`."""
    written = [entry for entry in contents(name, group).get("defaults", []) if entry != "_self_"]
    return [pair for entry in written for pair in entry.items()]


def choices(name: str, group: str = "experiment") -> dict[str, str]:
    """The option that a file chooses, by group."""
    words = "override /"
    return {
        key.removeprefix(words): option
        for key, option in entries(name, group)
        if key.startswith(words)
    }


@pytest.mark.parametrize("name", WITH_ROWS)
def test_an_experiment_with_rows_states_every_group_in_order(name):
    science = [group for group in GROUPS if group != "tracker"]
    of_stages = (
        ["threshold", "calibration"]
        if choices(name)["strategy"] in ("conversion", "hybrid")
        else []
    )
    stages = [group for group in choices(name) if group.startswith("stage@")]
    assert [*choices(name)] == [*science, "strategy", *stages, *of_stages]


def test_the_order_is_that_of_the_default():
    config = yaml.safe_load((CONF / "config.yaml").read_text())
    groups = [group for entry in config["defaults"] if entry != "_self_" for group in entry]
    assert [group for group in groups if group in GROUPS] == [*GROUPS]
    assert groups.index("scheduler") < groups.index("strategy") < groups.index("tracker")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_takes_over_from_what_is_shared_alone(name):
    taken = [key for key, _ in entries(name) if not key.startswith("override ")]
    shared = [key for key in taken if not key.startswith("/stage@strategy.stages.")]
    assert set(shared) <= {f"/{group}" for group in SHARED}


LEFT = {("cifar10_single_spike_vgg16_2bit", "strategy")}
"""Choices of a recipe of which an experiment with rows makes another: it goes on behind the
recipe's.
"""


@pytest.mark.parametrize("name", WITH_ROWS)
def test_an_experiment_with_rows_states_what_its_recipe_chooses(name):
    for key, option in entries(name):
        group = key.removeprefix("/")
        for chosen, wanted in choices(option, group).items() if group in SHARED else ():
            assert choices(name)[chosen] == wanted or (name, chosen) in LEFT


# One order of keys


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_keys_stand_in_the_order_in_which_they_are_composed(name):
    assert_ordered(contents(name), as_composed(name))


@pytest.mark.slow
@pytest.mark.parametrize("name, group, option", [
    (name, key[1:], option) for name in EXPERIMENTS for key, option in entries(name) if key[1:] in SHARED
])  # fmt: skip
def test_keys_of_what_is_shared_do_too(name, group, option):
    assert_ordered(contents(option, group), as_composed(name))


@cache
def as_composed(name: str) -> dict[str, Any]:
    """An experiment as Hydra composes it, with the short names of a data set's settings."""
    return OmegaConf.to_container(unresolved(f"+experiment={name}"), resolve=False)


def assert_ordered(written: dict[str, Any], composed: dict[str, Any]) -> None:
    """The reference comes last, so that it is found where the settings end."""
    order = [key for key in composed if key != "reference"]
    assert [key for key in written if key not in ("defaults", "reference")] == [
        key for key in order if key in written
    ]
    assert "reference" not in written or [*written][-1] == "reference"
    for branch, whole in branches(written, composed):
        assert [*branch] == [key for key in whole if key in branch]


def branches(written: dict[str, Any], composed: dict[str, Any]) -> Iterator[tuple[dict, dict]]:
    for key, value in written.items():
        if isinstance(value, dict) and key != "reference":
            yield value, composed[key]
            yield from branches(value, composed[key])


# A learning rate that falls to zero before the end


@pytest.mark.slow
def test_a_learning_rate_that_rises_again_is_said_in_the_head():
    rising = {name for name in EXPERIMENTS if any(map(rises, stages(name)))}
    assert rising
    assert all("up again" in " ".join(labels(name).values()) for name in rising)


def stages(name: str) -> list[dict[str, Any]]:
    return [*configuration(f"+experiment={name}")["strategy"]["stages"].values()]


def rises(stage: dict[str, Any]) -> bool:
    """Whether a cosine has come down before the last epoch."""
    half = (stage.get("scheduler") or {}).get("T_max")
    return half is not None and half < stage.get("epochs", 0)


# Values that depend on others


@pytest.mark.slow
@pytest.mark.parametrize("name, change, depending", [
    *((name, "timesteps=16", {"neuron.threshold": 16.0}) for name in EXPERIMENTS if "tandem" in name),
    ("cifar10_tsc_resnet20", "neuron.window=5", {"timesteps": 100, "encoder.window": 5, "readout.window": 5}),
    ("imagenet_tsc_resnet34", "neuron.window=5", {"timesteps": 180, "evaluate.timesteps": 180}),
    ("imagenet_tsc_vgg16", "neuron.window=5", {"timesteps": 80}),
    ("imagenet_few_spikes_resnet50", "neuron.window=8", {"timesteps": 400, "readout.window": 8}),
    ("digits_time_to_first_spike", "neuron.window=8", {"timesteps": 32, "neuron.time_constant": 2.0}),
    ("digits_spikegrad", "timesteps=8", {"evaluate.timesteps": 24, "encoder.duration": 8, "neuron.flush_after": 8}),
    ("mnist_s4nn_mlp", "neuron.horizon=128.0", {"encoder.latest": 128.0, "loss.horizon": 128.0}),
    ("mnist_temporal_penalty_mlp", "encoder.latest=4.0", {"loss.spread_time": 5.0}),
    ("cifar10_fast_direct", "timesteps=8", {"strategy.stages.four.timesteps": 8}),
    ("cifar10_fast_ttfs", "neuron.horizon=2.0", {"encoder.latest": 2.0}),
    ("cifar10_single_spike_vgg16_2bit", "strategy.stages.train.gradient_clip=2.0", {"strategy.stages.quantize.gradient_clip": 2.0}),
])  # fmt: skip
def test_what_depends_on_a_value_follows_it(name, change, depending):
    config = configuration(f"+experiment={name}", change)
    assert {key: at(config, key) for key in depending} == depending
    assert all(type(at(config, key)) is type(value) for key, value in depending.items())


def at(config: dict[str, Any], path: str) -> Any:
    for key in path.split("."):
        config = config[key]
    return config


@pytest.mark.slow
def test_a_window_that_is_no_number_is_told_by_the_check():
    config = configuration("+experiment=digits_switch", "neuron.window=wide")
    assert config["timesteps"] == "wide"


def test_what_is_shared_is_added():
    assert set(SHARED) <= set(added())
