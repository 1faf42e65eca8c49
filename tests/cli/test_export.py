"""`snnexp export`: a run's network in files, as a person asks for it."""

from collections.abc import Iterator

import pytest
import torch

from snnexp.reopen.reopened import reopened
from tests.support.command_line import TINY, Answer, Shell

pytestmark = pytest.mark.slow
RUNS = {
    "spiking": ("neuron.reset=soft",),
    "analog": ("strategy=ann", "activation=qcfs", "architecture.layers=[4C3, MP2, 6C3, AP2, FC9]"),
}


@pytest.fixture(scope="module")
def shell(tmp_path_factory) -> Iterator[Shell]:
    """In a folder with a run of spikes in it, and an analog one."""
    shell = Shell(tmp_path_factory.mktemp("export"))
    for name, words in RUNS.items():
        told = shell("train", *TINY, "timesteps=3", *words, f"hydra.run.dir={name}")
        assert told.code == 0, told.err
    yield shell
    shell.close()


def needs(*packages: str) -> None:
    for package in packages:
        pytest.importorskip(package, reason="needs the extra 'export'")


def test_a_network_of_spikes_is_written_and_what_is_not_in_it_said(shell):
    nir = pytest.importorskip("nir", reason="needs the extra 'export'")
    code, out, err = shell("export", "spiking", "--dt", "0.5", "-o", "to/net.nir")
    assert code == 0, err
    nodes = "1 Input, 1 Conv2d, 1 LIF, 1 AvgPool2d, 1 Flatten, 1 Affine, 1 Output"
    assert f"written     to/net.nir\nnodes       {nodes}\ntimestep    dt = 0.5 s\n" in out
    assert "not in it   encoder: Feeds the image" in out
    assert "reset=subtract: NIR has no field" in out and "initial_potential" not in out
    graph = nir.read(shell.folder / "to" / "net.nir")
    assert float(graph.metadata["dt"]) == 0.5 and int(graph.metadata["timesteps"]) == 3
    assert graph.metadata["program"].startswith("snnexp ")
    assert graph.nodes["convolution1_neurons"].metadata["layer"] == "body.convolution1"


@pytest.mark.filterwarnings("ignore")
def test_an_analog_network_is_written_and_gives_our_scores_to_onnxruntime(shell):
    """With norms, both kinds of pools, steps in place of a slope, and another number of images."""
    from snnexp.export.onnx import PACKAGES, TOLERANCE, apart

    needs(*PACKAGES)
    code, out, err = shell("export", "analog", "-o", "net.onnx")
    assert code == 0, err
    assert "checked     by onnxruntime: scores of 64 test images are ours to" in out
    file = (shell.folder / "net.onnx").read_bytes()
    network = reopened(shell.folder / "analog").network
    pictures = torch.rand(7, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert apart(file, network, pictures) <= TOLERANCE == 1e-5
    assert apart(file, network, 10 * pictures[:1]) <= TOLERANCE
    network.body.output.layer.bias.data[3] += 1
    assert apart(file, network, pictures) > 0.01


def refused(shell: Shell, code: int, words: str, *arguments: str) -> None:
    told: Answer = shell("export", *arguments)
    assert told.code == code and words in told.err, told
    assert not [*shell.folder.glob("no.*")]


def test_what_cannot_be_written_is_refused_and_leaves_no_file(shell):
    needs("nir")
    refused(shell, 2, "NIR is of networks that spike", "analog", "-o", "no.nir")
    wrong = ("spiking", "neuron.initial_potential=2", "-o", "no.nir")
    refused(shell, 2, "neuron.initial_potential", *wrong)
    refused(shell, 3, "Expected: the folder of a finished run", "nowhere", "-o", "no.nir")
    refused(shell, 2, "should end in .nir or .onnx", "spiking", "-o", "no.pt")
    refused(shell, 2, "a number of seconds > 0", "spiking", "-o", "no.nir", "--dt", "0")


def test_a_network_of_spikes_is_no_onnx(shell):
    needs("onnx", "onnxscript", "onnxruntime")
    refused(shell, 2, "write a .nir file", "spiking", "-o", "no.onnx")
