"""Published weights: the same logits as torchvision's own models, and what is said where they are
not there.
"""

import hashlib

import pytest
import torch

from snnexp.configuration.build import blueprint, component
from snnexp.configuration.check import check
from snnexp.configuration.rules.pretrained import published_weights_fit
from snnexp.datasets.base import DataError
from snnexp.errors import ConfigError
from snnexp.network.analog import analog_network
from snnexp.network.parts import connections
from snnexp.run import run
from snnexp.runs import torchvision_weights
from snnexp.stages.pretrained import Pretrained
from snnexp.track.muted import Muted
from snnexp.training.session import Session
from tests.support.composed import configuration
from tests.support.marks import soak
from tests.support.networks import blueprint as small
from tests.support.photographs import write_class_folders

STAGE = "strategy.stages.train"
FITTING = ["dataset=imagenet", "strategy=ann", f"stage@{STAGE}=pretrained"]
FIRST_LINEAR = {"vgg16_bn": (0, 512), "alexnet": (1, 256)}
"""Their classifiers know the size of the map; for small images, whose map is one position, they get
a smaller first layer.
"""

QUICK = ("resnet34", "alexnet")
"""With shortcuts and without, with a norm and without; the others take the same way."""


def overrides(model):
    """What a user types to run a published model."""
    expected = torchvision_weights.EXPECTED[model]
    values = (
        f"dataset.{key}=[{','.join(map(str, getattr(expected, key)))}]" for key in ("mean", "std")
    )
    return [
        *FITTING,
        f"{STAGE}.model={model}",
        f"activation={expected.activation.lower()}",
        *expected.options.split(),
        *values,
    ]


def published(model, version="IMAGENET1K_V1"):
    """torchvision's own model with random weights and statistics, and its file in the cache."""
    import torchvision  # takes longer than most tests here

    torch.manual_seed(0)
    more = {"init_weights": False} if model == "googlenet" else {}
    theirs = torchvision.models.get_model(model, weights=None, **more).eval()
    if model in FIRST_LINEAR:
        place, inputs = FIRST_LINEAR[model]
        theirs.avgpool, theirs.classifier[place] = (
            torch.nn.Identity(),
            torch.nn.Linear(inputs, 4096),
        )
    with torch.no_grad():
        for name, buffer in theirs.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.uniform_(0.5, 1.5)
        for parameter in theirs.parameters():
            if parameter.dim() == 1:  # scales and shifts that are not 1 and 0
                parameter.uniform_(0.5, 1.5)
    path = torchvision_weights.cached_file(model, version)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(theirs.state_dict(), path)
    return theirs


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, in which files may have any hash."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torchvision_weights, "has_published_hash", lambda path: True)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [each if each in QUICK else soak(each) for each in torchvision_weights.EXPECTED],
)
def test_scores_are_those_of_torchvision(model, cache):
    check(configuration(*overrides(model)))
    size = 32 if model == "vgg16_bn" else 64
    config = configuration(*overrides(model), f"dataset.size={size}")
    theirs = published(model).double()
    ours = loaded(config, classes=1000).double()
    images = torch.rand(1, 3, size, size, dtype=torch.float64)
    with torch.no_grad():
        expected, found = (
            theirs(images),
            ours(images, range(1), torch.zeros(1, dtype=torch.int64)).scores[-1],
        )
    assert expected.std() > 0
    torch.testing.assert_close(found, expected)


def loaded(config, classes):
    """The network that the stage leaves."""
    made = blueprint(config, component(config["dataset"]).shape, classes)
    stage = component(config["strategy"]["stages"]["train"])
    assert isinstance(stage, Pretrained)
    return stage("train", None, session(made)).network


def session(made):
    """What of a session the stage needs."""
    bare = object.__new__(Session)
    for key, value in (("blueprint", made), ("device", torch.device("cpu"))):
        object.__setattr__(bare, key, value)
    return bare


def test_missing_weights_are_named_with_the_command_that_gets_them(cache):
    with pytest.raises(DataError) as error:
        torchvision_weights.read("resnet34", "IMAGENET1K_V1")
    assert str(cache / "hub" / "checkpoints" / "resnet34-b627a593.pth") in str(error.value)
    assert "torchvision.models.get_model('resnet34', weights='IMAGENET1K_V1')" in str(error.value)


def test_damaged_weights_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = torchvision_weights.cached_file("alexnet", "IMAGENET1K_V1")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half a download")
    with pytest.raises(DataError, match="damaged, its SHA-256"):
        torchvision_weights.read("alexnet", "IMAGENET1K_V1")
    right = path.with_stem("alexnet-" + hashlib.sha256(path.read_bytes()).hexdigest()[:8])
    path.rename(right)
    assert torchvision_weights.has_published_hash(right)


def test_a_file_that_is_no_state_is_refused(cache):
    path = torchvision_weights.cached_file("alexnet", "IMAGENET1K_V1")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half a download")
    with pytest.raises(DataError, match="cannot be read"):
        torchvision_weights.read("alexnet", "IMAGENET1K_V1")


@pytest.mark.slow
def test_the_order_of_a_file_does_not_matter():
    state = torchvision_weights.skeleton("resnet34")
    backwards = dict(reversed(list(state.items())))
    names = [layer.name for layer in torchvision_weights.layers("resnet34", backwards)]
    assert (
        names == [layer.name for layer in torchvision_weights.layers("resnet34", state)]
        and names[0] == "conv1"
        and names[-1] == "fc"
    )


@pytest.mark.slow
def test_other_classes_than_the_weights_have_are_refused(cache):
    published("resnet34")
    with pytest.raises(ConfigError, match="weights of body.output are"):
        loaded(configuration(*overrides("resnet34"), "dataset.size=32"), classes=10)


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong, said",
    [
        ("architecture=resnet34_wide", "do not fit this network"),
        (
            "norm=none",
            "norm of body.convolution1.connection are none, published as conv1 {'weight': (64,)",
        ),
        (
            "dataset.mean=[0.5,0.5,0.5]",
            "set dataset.mean=[0.485,0.456,0.406] dataset.std=[0.229,0.224,0.225]",
        ),
        ("norm.epsilon=0.001", "set norm.epsilon=1e-05"),
        ("activation=silu", "set activation=relu"),
        (f"{STAGE}.weights=IMAGENET1K_V9", "set strategy.stages.train.weights=IMAGENET1K_V1"),
    ],
)
def test_what_the_weights_were_not_trained_with_is_said(wrong, said):
    faults = list(published_weights_fit(configuration(*overrides("resnet34"), wrong)))
    assert len(faults) == 1 and said in faults[0]


def test_nothing_that_was_trained_is_thrown_away(cache):
    stage = component(configuration(*overrides("resnet34"))["strategy"]["stages"]["train"])
    with pytest.raises(ConfigError, match="make it the first"):
        stage("train", analog_network(small()), session(small()))


@pytest.mark.slow
def test_a_quantised_rectifier_may_start_from_a_rectifier():
    assert (
        list(published_weights_fit(configuration(*overrides("resnet34"), "activation=qcfs"))) == []
    )


@pytest.mark.slow
def test_every_layer_of_the_network_gets_published_numbers(cache):
    theirs = published("resnet34").state_dict()
    ours = connections(
        loaded(configuration(*overrides("resnet34"), "dataset.size=32"), classes=1000)
    )
    assert len(ours) == 37
    projection = ours["body.stage2_block1.connection.branches.1"]
    assert torch.equal(projection.layer.weight, theirs["layer2.0.downsample.0.weight"])
    assert torch.equal(
        projection.norm.normalise[0].running_var, theirs["layer2.0.downsample.1.running_var"]
    )


@pytest.mark.soak
def test_published_weights_are_converted(cache, tmp_path):
    published("resnet50")
    write_class_folders(tmp_path / "imagenet", 1000, 4, 2)
    small = [
        "dataset.size=32",
        "dataset.workers=0",
        "evaluate.batch_size=2",
        "evaluate.chunk=25",
        "strategy.stages.convert.samples=2",
    ]
    config = configuration(
        "+experiment=imagenet_few_spikes_resnet50",
        *small,
        "device=cpu",
        f"dataset.data_dir={tmp_path}",
    )
    check(config)
    blocks = run(config, {}, None, Muted()).to_json()["stages"]
    assert list(blocks) == ["pretrain", "convert"] and blocks["pretrain"]["form"] == "analog"
    assert blocks["convert"]["test_images"] == 2 and blocks["convert"]["spikes_per_inference"] > 0
    assert blocks["convert"]["test_loss"] == pytest.approx(
        blocks["pretrain"]["test_loss"], rel=0.1
    )  # activations of two images bound it
