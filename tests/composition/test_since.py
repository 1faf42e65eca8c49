"""Runs that were made before a setting existed are evaluated as they were."""

import json
import shutil

import pytest
import yaml
from omegaconf import OmegaConf

from snnexp.cli.evaluate import evaluate
from snnexp.composition.moved import FORMER, as_before, upgraded
from snnexp.composition.renamed import FORMER as FORMER_NAMES
from snnexp.composition.renamed import NOW
from snnexp.composition.since import KEYS, SETTINGS, as_now, completed
from snnexp.configuration.check import faults
from snnexp.jobs.folder import differences
from snnexp.runs.result import config_hash
from tests.support.composed import configuration, node
from tests.support.options import options
from tests.support.tiny_run import attempted, job

FORM = ("delays", "centralize_gradient", "gain")
OLD = {
    ("strategy=conversion", "neuron=if", "neuron.amplitude=threshold"): (
        "strategy.stages.pretrain.start",
        "neuron.order",
    ),
    ("neuron=lif",): (
        "neuron.order",
        *(f"dataset.augmentation.{key}" for key in ("auto_augment", "rotation", "shift", "zoom")),
        *KEYS,
    ),
    ("norm=bntt", "architecture=sew_resnet34"): ("norm.exit_scale", "architecture.zero_init"),
    ("+experiment=digits_single_spike",): (
        "strategy.stages.train.redraw",
        *(f"strategy.stages.train.form.{each}" for each in FORM),
    ),
    ("strategy=hybrid", "threshold=snn_percentile", "neuron=if", "neuron.amplitude=threshold"): (
        "strategy.stages.convert.threshold.combination",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("words, later", OLD.items(), ids=str)
def test_what_an_old_configuration_lacks_is_filled_in(words, later):
    wanted = configuration(*words)
    old = OmegaConf.create(wanted)
    for path in later:
        owner, _, key = path.rpartition(".")
        del (OmegaConf.select(old, owner) if owner else old)[key]
    assert OmegaConf.to_container(old) != wanted
    found = OmegaConf.to_container(completed(old))
    assert found == wanted and not faults(found)


# Data sets, which one function made before they had parts

EVENTS = {"cifar10_dvs", "digits_dvs", "dvs_gesture", "event_folder", "nmnist"}
IMAGES = sorted({*options("dataset")} - EVENTS)
"""The data sets that a function has made; those of events came later."""
OWN = {
    "digits": {"test_share": 0.2},
    "mnist16": {"crop": 24, "size": 16},
    "image_folder": {"folder": ".", "size": 64},
    "imagenet": {"folder": "imagenet", "size": 224, "workers": 4},
    "imagenette": {"folder": "imagenette2-160", "size": 128, "workers": 4},
}


def former(name):
    """A data set as configurations had it, with the settings of today."""
    now = node("dataset", name)
    settings = {
        "data_dir": "/nonexistent/data",
        **OWN.get(name, {}),
        "validation": 0,
        "split_seed": 0,
    }
    settings |= {key: now["normalisation"][key] for key in ("mean", "std")}
    augmentation = {key: value for key, value in now["augmentation"].items() if key != "_target_"}
    return {"_target_": f"snnexp.datasets.{name}.{name}", **settings, "augmentation": augmentation}


@pytest.mark.slow
@pytest.mark.parametrize("name", IMAGES)
def test_a_data_set_is_the_same_by_its_former_name(name):
    before, now = former(name), node("dataset", name)
    assert upgraded(before) == now and as_before(now) == before
    one, other = ({**configuration(), "dataset": dataset} for dataset in (before, now))
    assert config_hash(one) == config_hash(other) and as_now(one) == other
    assert not [line for line in faults(as_now(one)) if line.startswith("dataset")]


RENAMED = {"strategy.stages.train.form": ("+experiment=digits_single_spike",)}
"""A place where each component stands that has another name now, and an experiment that has it."""


@pytest.mark.slow
@pytest.mark.parametrize("place, words", RENAMED.items(), ids=str)
def test_a_component_is_the_same_by_its_former_name(place, words):
    now = configuration(*words)
    before = OmegaConf.create(now)
    part = OmegaConf.select(before, place)
    part["_target_"] = FORMER_NAMES[part["_target_"]]
    plain = OmegaConf.to_container(before)
    assert plain != now and config_hash(plain) == config_hash(now) and as_now(plain) == now
    assert differences(plain, now) == []
    for key in SETTINGS[NOW[part["_target_"]]]:
        del part[key]
    found = OmegaConf.to_container(completed(before))
    assert found == now and not faults(found)


def test_every_renamed_component_is_tested():
    targets = {
        OmegaConf.select(OmegaConf.create(configuration(*words)), place)["_target_"]
        for place, words in RENAMED.items()
    }
    assert targets == FORMER_NAMES.keys()


def test_every_former_name_is_tested():
    assert {f"snnexp.datasets.{name}.{name}" for name in IMAGES} == FORMER.keys()


@pytest.mark.slow
def test_what_no_function_could_make_keeps_its_name():
    for key in ("normalisation", "augmentation"):
        now = {**node("dataset", "mnist"), key: None}
        assert as_before(now) == now
    now = node("dataset", "digits")
    now["source"]["split_seed"] = 1
    assert as_before(now) == now
    assert upgraded({"_target_": "own.data", "mean": [0.5]}) == {
        "_target_": "own.data",
        "mean": [0.5],
    }


@pytest.mark.slow
def test_a_hash_tells_data_sets_apart():
    hashes = {
        config_hash({**configuration(), "dataset": node("dataset", name)})
        for name in options("dataset")
    }
    other = (
        configuration("dataset.mean=[0.5]"),
        configuration("dataset.split_seed=1"),
        configuration("dataset.augmentation.flip=true"),
    )
    assert len(hashes | set(map(config_hash, other))) == len(options("dataset")) + 3


@pytest.mark.slow
def test_short_names_are_those_of_the_parts():
    found = configuration(
        "dataset=mnist16", "dataset.size=12", "dataset.mean=[0.5]", "dataset.data_dir=/there"
    )["dataset"]
    assert (found["source"]["size"], found["source"]["source"]["data_dir"]) == (12, "/there")
    assert (
        found["normalisation"]["mean"] == [0.5] and found.keys() == node("dataset", "mnist").keys()
    )
    both = configuration("dataset=mnist", "dataset.normalisation.mean=[0.5]")
    assert [line.partition(":")[0] for line in faults(both)] == [
        "dataset.mean"
    ] and "~dataset.mean" in faults(both)[0]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of an analog run, and the same as it was written when its data set had the former
    name.
    """
    folder = tmp_path_factory.mktemp("former")
    job(folder / "run", "strategy=ann", "epochs=1")
    shutil.copytree(folder / "run", folder / "old")
    config = yaml.safe_load((folder / "run" / "config.yaml").read_text())
    config["dataset"] = as_before(config["dataset"])
    assert config["dataset"]["_target_"] == "snnexp.datasets.digits.digits"
    (folder / "old" / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.mark.slow
def test_a_run_of_before_is_evaluated_under_the_changes_of_before(trained, capsys):
    changes = (
        [],
        ["evaluate.batch_size=50"],
        ["dataset.mean=[0.1]"],
        ["dataset.test_share=0.3"],
        ["dataset.split_seed=1"],
    )
    for changed in changes:
        assert evaluate([str(trained / "old"), *changed]) == 0, capsys.readouterr().err
    before = json.loads((trained / "old" / "result.json").read_text())
    found = [
        json.loads(path.read_text()) for path in (trained / "old" / "evaluations").glob("*.json")
    ]
    images = sorted(each["test_images"] for each in found)
    assert (
        len(found) == len(changes)
        and images[:-1] == [before["test_images"]] * 4
        and images[-1] > 1.4 * images[0]
    )
    assert before["config_hash"] in {each["config_hash"] for each in found}


@pytest.mark.slow
def test_a_run_of_before_is_known_again_and_started_from(trained, tmp_path, capsys):
    result, error, code = attempted(trained / "old", "strategy=ann", "epochs=1")
    assert code == 0 and error is None and "its result is taken" in capsys.readouterr().err
    start = f"strategy.stages.train.start={trained / 'old'}"
    assert attempted(tmp_path / "same", "strategy=ann", start, "epochs=1")[2] == 0
    _, error, code = attempted(
        tmp_path / "other", "strategy=ann", start, "dataset.mean=[0.5]", "dataset.std=[0.5]"
    )
    assert code == 2 and "set dataset.mean=[0.0] dataset.std=[1.0]" in str(error)
