"""One analog network serves several runs."""

import json

import pytest
import torch
from safetensors.torch import load_file

from snnexp.errors import ConfigError
from snnexp.runs.start import epochs
from tests.support.tiny_run import attempted, job

PRETRAIN = "strategy.stages.pretrain"
SPIKES = ("neuron=if", "neuron.amplitude=threshold", "timesteps=16")


@pytest.fixture(scope="module")
def ann(tmp_path_factory):
    """The folder of an analog run of two epochs."""
    folder = tmp_path_factory.mktemp("ann") / "run"
    job(folder, "strategy=ann")
    return folder


def converted(folder, run, *more):
    return attempted(
        folder,
        "strategy=conversion",
        *SPIKES,
        f"{PRETRAIN}.start={run}",
        f"{PRETRAIN}.epochs=0",
        *more,
    )


@pytest.mark.slow
def test_the_network_is_taken_over_and_not_trained(ann, tmp_path):
    result, error, _ = converted(tmp_path, ann)
    assert error is None
    trained = json.loads((ann / "result.json").read_text())
    assert (
        result["ann_accuracy"]
        == result["stages"]["pretrain"]["accuracy"]
        == trained["accuracy"]
        > 50
    )
    assert result["accuracy"] > 50


@pytest.mark.slow
def test_it_may_be_trained_on_with_another_activation(ann, tmp_path):
    result = job(
        tmp_path,
        "strategy=ann",
        "activation=qcfs",
        f"strategy.stages.train.start={ann}",
        "strategy.stages.train.epochs=0",
    )
    before, after = (load_file(folder / "weights.safetensors") for folder in (ann, tmp_path))
    weights = [name for name in before if name.endswith("weights.0.weight")]
    assert len(weights) == 2 and all(torch.equal(before[name], after[name]) for name in weights)
    assert any(name.endswith("activation.w") for name in after) and result["epochs"] == 0


@pytest.mark.slow
def test_what_its_activations_have_learned_is_kept_where_they_are_of_the_same_kind(tmp_path):
    job(tmp_path / "first", "strategy=ann", "activation=qcfs")
    job(
        tmp_path / "second",
        "strategy=ann",
        "activation=qcfs",
        f"strategy.stages.train.start={tmp_path / 'first'}",
        "strategy.stages.train.epochs=0",
    )
    before, after = (
        load_file(tmp_path / folder / "weights.safetensors") for folder in ("first", "second")
    )
    clips = [name for name in before if name.endswith("activation.w")]
    assert clips and all(
        torch.equal(before[name], after[name]) and before[name] != 8 for name in clips
    )


@pytest.mark.slow
def test_epochs_of_all_runs_count(ann, tmp_path):
    job(tmp_path, "strategy=ann", f"strategy.stages.train.start={ann}", "epochs=1")
    assert epochs({"epochs": 3, "start": str(tmp_path)}) == 3 + 1 + 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes, part",
    [
        (["architecture.widths=[25]"], "holds the weights of another network"),
        (
            ["dataset.mean=[0.5]", "dataset.std=[0.5]"],
            r"set dataset.mean=\[0.0\] dataset.std=\[1.0\]",
        ),
        ([f"{PRETRAIN}.start=nowhere"], "Expected: the folder of a finished run"),
    ],
)
def test_another_network_or_other_images_are_refused(ann, tmp_path, changes, part):
    _, error, code = converted(tmp_path, ann, *changes)
    assert code in (2, 3)
    with pytest.raises(type(error), match=part):
        raise error


@pytest.mark.slow
def test_a_spiking_network_is_no_start(ann, tmp_path):
    assert converted(tmp_path / "spiking", ann)[1] is None
    _, error, code = converted(tmp_path / "again", tmp_path / "spiking")
    assert code == 3 and "start from the run of an analog one" in str(error)


@pytest.mark.slow
def test_only_the_first_stage_starts(ann, tmp_path):
    _, error, _ = attempted(
        tmp_path,
        "strategy=ann",
        "+stage@strategy.stages.more=ann",
        f"strategy.stages.more.start={ann}",
    )
    assert isinstance(error, ConfigError) and "start from a run in the first" in str(error)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["", "- 1\n", "epochs: 3\n", "dataset: {}\nstrategy: null\n", "a: [1\n"]
)
def test_what_is_no_configuration_of_a_run_is_named(text, ann, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text(text)
    _, error, code = converted(tmp_path / "mine", tmp_path / "run")
    assert code == 2 and "Expected: the folder of a finished run" in str(error)
