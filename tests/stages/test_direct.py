"""Experiments of systems that are trained through time from the start, at their published size."""

import json
import subprocess
import sys

import pytest
import torch

from snnexp.configuration.build import blueprint
from snnexp.configuration.check import check
from snnexp.network.spiking import spiking_network
from tests.support.composed import configuration
from tests.support.photographs import write_class_folders

CIFAR, IMAGENET, MNIST = (3, 32, 32), (3, 224, 224), (1, 28, 28)
SIZES = {
    "cifar10_plif_vgg8": (CIFAR, 10, 36.72),
    "cifar10_tdbn_resnet19": (CIFAR, 10, 12.63),
    "cifar10_bntt_vgg9": (CIFAR, 10, 5.99),
    "cifar100_bntt_vgg11": (CIFAR, 100, 11.93),
    "cifar10_direct_rate_vgg5": (CIFAR, 10, 8.62),
    "cifar10_poisson_rate_vgg5": (CIFAR, 10, 8.62),
    "imagenet_tdbn_resnet34": (IMAGENET, 1000, 21.8),
    "imagenet_tdbn_resnet34_large": (IMAGENET, 1000, 86.1),
    "imagenet_tdbn_resnet50": (IMAGENET, 1000, 25.56),
    "imagenet_sew_resnet34": (IMAGENET, 1000, 21.8),
    "imagenet_sew_resnet152": (IMAGENET, 1000, 60.19),
    "mnist_plif_cnn": (MNIST, 10, 13.2),
}
"""Shape of an image, classes, and parameters in millions: those of the recipes, of ResNet-34 (L)
with the norms and the last layer, without which the survey's 85 M are.
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_an_experiment_has_the_published_number_of_parameters(name):
    shape, classes, millions = SIZES[name]
    config = configuration(f"+experiment={name}")
    check(config)
    with torch.device("meta"):
        network = spiking_network(blueprint(config, shape, classes))
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.soak
@pytest.mark.parametrize("name", [name for name in SIZES if name.startswith("imagenet_")])
def test_a_step_and_an_evaluation_of_the_whole_network_fit_into_two_gigabytes(name, tmp_path):
    write_class_folders(tmp_path / "imagenet", 1000, 1, 1)
    words = [f"+experiment={name}", "epochs=1", "batch_size=1", "evaluate.batch_size=1"]
    words += ["evaluate.chunk=1", "memory=lean", "dataset.workers=0", "checkpoint.every=null"]
    words += [f"data_dir={tmp_path}", f"hydra.run.dir={tmp_path / 'run'}", "tracker=none"]
    command = [sys.executable, "-m", "snnexp", "train", *words, "device=cpu", "progress=plain"]
    subprocess.run(command, check=True, cwd=tmp_path)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["test_images"] == 1 and result["stages"]["train"]["epochs"] == 1
    assert result["peak_memory_bytes"] < 2 * 1024**3
