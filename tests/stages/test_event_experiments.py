"""Experiments on event data, at the size of their recipes, on small archives in official form."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from snnexp.configuration.build import blueprint
from snnexp.configuration.check import check
from snnexp.network.spiking import spiking_network
from tests.support.composed import configuration
from tests.support.options import options
from tests.support.recordings import write_cifar10_dvs, write_dvs_gesture, write_nmnist

CIFAR10_DVS, DVS_GESTURE, NMNIST = (2, 128, 128), (2, 128, 128), (2, 34, 34)
SIZES = {
    "cifar10_dvs_plif_vgg6": (CIFAR10_DVS, 10, 17.43),
    "cifar10_dvs_tdbn_resnet19": ((2, 42, 42), 10, 12.63),
    "cifar10_dvs_sew_wide7b": (CIFAR10_DVS, 10, 1.19),
    "dvs_gesture_iir_cnn": (DVS_GESTURE, 11, 1.642763 + 0.475392),
    "dvs_gesture_plif_vgg7": (DVS_GESTURE, 11, 1.70),
    "dvs_gesture_tdbn_resnet17": ((2, 32, 32), 11, 5.35),
    "nmnist_plif_cnn": (NMNIST, 10, 17.2),
}
"""Shape of what the encoder sends, classes, and parameters in millions: those of the recipes where
they state them; of the learned filters three for every input beside the weights. Those of the
others are in the tests of their architectures.
"""
ON_EVENTS = [
    name
    for name in options("experiment")
    if name.startswith(("cifar10_dvs_", "dvs_gesture_", "nmnist_"))
]


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_an_experiment_has_the_number_of_parameters_of_its_recipe(name):
    shape, classes, millions = SIZES[name]
    config = configuration(f"+experiment={name}")
    check(config)
    with torch.device("meta"):
        network = spiking_network(blueprint(config, (1, *shape), classes))
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> Path:
    """All three sets, one recording of every class to train on and one to test on."""
    root = tmp_path_factory.mktemp("archives")
    write_cifar10_dvs(root / "CIFAR10DVS", 10, 10)
    write_dvs_gesture(root / "DvsGesture", 20, 10)
    write_nmnist(root / "NMNIST", 10, 10)
    return root


def trained(name: str, data: Path, run: Path) -> dict:
    held_out = 18 if name.startswith("dvs_gesture") else 8  # of the training set all but two
    words = [f"+experiment={name}", "epochs=1", "batch_size=2", f"dataset.validation={held_out}"]
    words += ["evaluate.batch_size=2", "evaluate.images=2", "evaluate.chunk=2", "memory=lean"]
    words += ["checkpoint.every=null", "tracker=none"]
    words += [f"data_dir={data}", f"hydra.run.dir={run}", "device=cpu", "progress=plain"]
    subprocess.run([sys.executable, "-m", "snnexp", "train", *words], check=True, cwd=run.parent)
    return json.loads((run / "result.json").read_text())


@pytest.mark.soak
@pytest.mark.parametrize("name", ON_EVENTS)
def test_an_experiment_trains_and_evaluates(name, archives, tmp_path):
    result = trained(name, archives, tmp_path / "run")
    config = configuration(f"+experiment={name}")
    assert result["stages"]["train"]["epochs"] == 1
    assert len(result["accuracy_by_timestep"]) == config["evaluate"]["timesteps"]
    operations = result["operations"]
    assert operations["ac"] > 0 and operations["mac_clocked"] > operations["mac"]
