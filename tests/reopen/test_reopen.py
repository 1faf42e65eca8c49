"""A finished run can be opened again, as it was or changed."""

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from snnexp.datasets.base import DataError
from snnexp.errors import ConfigError
from snnexp.reopen.reopened import reopened, upgraded
from tests.support.tiny_run import job


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a finished run, and its result."""
    folder = tmp_path_factory.mktemp("run") / "lif"
    return folder, job(folder, "epochs=1", "evaluate.images=40")


@pytest.mark.slow
def test_it_evaluates_to_its_result(run):
    folder, result = run
    again = reopened(folder)
    assert again.session.evaluator(again.network, again.session.test).accuracy == result["accuracy"]
    assert again.config["timesteps"] == 3 and again.choices == {} and not again.network.training


@pytest.mark.slow
def test_a_change_takes_effect_and_leaves_the_folder_as_it_was(run):
    folder, _ = run
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again = reopened(folder, ["timesteps=5", "encoder=poisson"])
    found = again.session.evaluator(again.network, again.session.test)
    assert len(found.accuracy_by_timestep) == 5 and again.choices == {"encoder": "poisson"}
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_run_of_an_earlier_version_is_upgraded(run, tmp_path):
    folder, result = run
    config = OmegaConf.load(folder / "config.yaml")
    del config["presimulation"], config["neuron"]["order"]
    OmegaConf.save(config, tmp_path / "config.yaml")
    (tmp_path / "weights.safetensors").write_bytes((folder / "weights.safetensors").read_bytes())
    assert upgraded(tmp_path) == upgraded(folder)
    again, own = reopened(tmp_path), reopened(folder)
    theirs = own.network.state_dict()
    assert all(
        torch.equal(value, theirs[name]) for name, value in again.network.state_dict().items()
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["neuron.leek=1"], "no such key"),
        (["optimizer.lr=0.5"], "has no effect"),
        (["neuron=plif"], "has been learned, or set by a stage"),
    ],
)
def test_a_change_that_cannot_be_is_refused(run, changes, words):
    with pytest.raises(ConfigError, match=words):
        reopened(run[0], changes)


def test_a_folder_without_a_run_is_named():
    with pytest.raises(
        DataError, match="nowhere/config.yaml: not there. Expected: the folder of a finished run"
    ):
        reopened(Path("nowhere"))
