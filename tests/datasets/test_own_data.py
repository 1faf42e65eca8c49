"""A data set of one's own that is none of images: frames over time, without a mean and a standard
deviation.
"""

import sys

import pytest
import torch
from omegaconf import OmegaConf

from snnexp.cli.evaluate import evaluate
from snnexp.cli.job import attempt
from snnexp.composition.short import DATASET
from snnexp.configuration.build import component
from snnexp.configuration.check import check, faults
from snnexp.configuration.rules.pretrained import published_weights_fit
from snnexp.configuration.rules.start import starts_see_the_same_images
from snnexp.datasets.batches import Batches
from snnexp.errors import ConfigError
from snnexp.run import prepare
from tests.support.composed import configuration
from tests.support.tiny_run import NETWORK, TINY

FRAMES = (6, 2, 8, 8)
PACKAGE = '''
import torch

from snnexp.datasets.base import TEST_OFFSET, Source, numbered
from snnexp.datasets.dataset import Dataset
from snnexp.encoders.base import Encoder


class Gestures(Source):
    """Counts of events in two polarities: class 1 moves to the right, class 0 to the left."""

    classes = 2
    shape = (6, 2, 8, 8)

    def __init__(self, count):
        self.count = count

    def read(self):
        return self._split(self.count, 0), self._split(10, TEST_OFFSET)

    def _split(self, count, first):
        frames, labels = torch.zeros(count, *self.shape, dtype=torch.uint8), torch.arange(count) % 2
        for sample, label in enumerate(labels.tolist()):
            for t in range(6):
                frames[sample, t, label, :, t if label else 7 - t] = 1 + sample % 3
        return numbered(frames, labels, first)

    def status(self):
        return "ready"

    verify = prepare = status


def gestures(count: int) -> Dataset:
    return Dataset(lambda: Gestures(count), 0, 0, None, None)


class Frames(Encoder):
    """The frame of every timestep."""

    spiking = False
    signed = True
    axes = ("time", "channels", "height", "width")

    def forward(self, images, steps, keys):
        return images.transpose(0, 1)[steps.start : steps.stop]

    def analog(self, images):
        return images.mean(1)[None]

    def shape(self, shape):
        return shape[1:]
'''


@pytest.fixture
def package(tmp_path, monkeypatch) -> str:
    """The name of a package of the user's own, which the owner of the machine has declared as
    trusted.
    """
    name = f"own_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SNNEXP_TRUST", name)
    yield name
    sys.modules.pop(name, None)


def composed_of(package):
    """A data set of this program with a source of one's own."""
    source = {"_target_": f"{package}.Gestures", "count": 40}
    return {
        "_target_": DATASET,
        "source": source,
        "validation": 0,
        "split_seed": 0,
        "normalisation": None,
        "augmentation": None,
    }


def made_by_one_function(package):
    """A data set that is one's own as a whole, with no setting but its own."""
    return {"_target_": f"{package}.gestures", "count": 40}


def with_frames(package, dataset, *words):
    config = configuration(*TINY, *NETWORK, "batch_size=8", "norm=none", *words)
    config["dataset"] = dataset
    config["encoder"] = {"_target_": f"{package}.Frames"}
    return config


@pytest.mark.slow
@pytest.mark.parametrize("kind", [composed_of, made_by_one_function])
def test_frames_go_through_check_and_batches(kind, package):
    config = with_frames(package, kind(package))
    check(config)
    data = component(config["dataset"])
    train = data.load().train
    batches = list(
        Batches(train, 8, data.normalisation, data.augmentation, "cpu", 1).epoch(1, shuffle=True)
    )
    assert [tuple(batch.input.shape) for batch in batches] == [(8, *FRAMES)] * 5
    (whole,) = Batches(train, 40, data.normalisation, data.augmentation, "cpu", 1).epoch(
        0, shuffle=False
    )
    assert (
        whole.input.dtype == torch.float32
        and torch.equal(whole.input, train.input.float())
        and whole.input.max() == 3
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", [composed_of, made_by_one_function])
def test_a_network_learns_from_frames_and_is_evaluated_again(kind, package, tmp_path, capsys):
    config = with_frames(package, kind(package), "timesteps=6", "epochs=6")
    result, error, code = attempt(OmegaConf.create(config), {}, tmp_path / "run")
    assert error is None and code == 0 and result.last.accuracy == 100.0
    assert evaluate([str(tmp_path / "run"), "timesteps=4"]) == 0
    assert evaluate([str(tmp_path / "run"), "data_dir=/elsewhere"]) == 0, capsys.readouterr().err


@pytest.mark.slow
def test_an_encoder_of_images_says_that_it_takes_no_frames(package):
    config = with_frames(package, composed_of(package))
    config["encoder"] = configuration()["encoder"]
    (line,) = faults(config)
    assert line.startswith(
        "encoder: Direct takes samples of 3 axes (channels, height, width), those of this "
        "data set are 6 x 2 x 8 x 8"
    )
    assert "choose an encoder that takes these" in line


@pytest.mark.slow
def test_rules_say_what_they_need_of_a_data_set(package):
    config = with_frames(package, made_by_one_function(package), "selection=best_validation")
    (line,) = faults(config)
    assert line.startswith("selection: best_validation needs a validation split")
    config = configuration("+experiment=imagenet_few_spikes_resnet50")
    assert list(published_weights_fit(config)) == []
    config["dataset"]["normalisation"] = None
    (line,) = published_weights_fit(config)
    assert (
        "set dataset.mean=[0.485,0.456,0.406]" in line
        and "normalisation is snnexp.datasets.pixels.Pixels" in line
    )


@pytest.mark.slow
def test_a_network_goes_on_with_samples_normalised_as_they_were(package, tmp_path):
    config = with_frames(package, composed_of(package), "strategy=ann", "epochs=1")
    assert attempt(OmegaConf.create(config), {}, tmp_path / "run")[2] == 0
    config["strategy"]["stages"]["train"]["start"] = str(tmp_path / "run")
    assert list(starts_see_the_same_images(config)) == []
    config["dataset"]["normalisation"] = configuration()["dataset"]["normalisation"]
    (line,) = starts_see_the_same_images(config)
    assert line.endswith("set dataset.normalisation to what the config.yaml of that run has")


def test_a_part_must_be_one(package):
    config = with_frames(package, composed_of(package))
    config["dataset"]["source"] = {"_target_": f"{package}.Frames"}
    config["dataset"]["normalisation"] = 3
    with pytest.raises(ConfigError) as error:
        check(config)
    assert "dataset.source._target_" in str(error.value) and "is no component for source" in str(
        error.value
    )
    assert "dataset.normalisation: expected a component with a _target_, got 3" in str(error.value)


def test_the_data_set_is_built_once_for_a_run(package, monkeypatch):
    config = with_frames(package, composed_of(package))
    built = []
    own = sys.modules[component(config["dataset"]).source.__module__]
    first = own.Gestures.__init__
    monkeypatch.setattr(
        own.Gestures, "__init__", lambda source, count: built.append(source) or first(source, count)
    )
    session = prepare(config, None)
    assert len(built) == 1 and len(session.train.split) == 40
