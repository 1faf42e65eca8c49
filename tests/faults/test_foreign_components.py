"""A configuration of somebody else builds components of the slot's kind and nothing else, and
imports nothing to find out.
"""

import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml

from snnexp.cli.evaluate import evaluate
from snnexp.configuration.check import faults
from snnexp.configuration.slots import SLOTS, Refused, component_of, refused
from tests.support.composed import changed, configuration, every_option, node
from tests.support.tiny_run import job

KIND = "C: _target_"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    job(folder, "epochs=1", "dataset.validation=1400", "evaluate.images=20")
    return folder


@pytest.fixture
def package(tmp_path, monkeypatch) -> str:
    """The name of a package of the user's own; it leaves a mark when it is imported."""
    name = f"owned_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(f'''
from pathlib import Path
from os import system
from snnexp.encoders.direct import Direct
Path({str(tmp_path / "imported")!r}).touch()

class Mine(Direct):
    """As it is."""

class Other:
    def __init__(self, path="x"):
        Path(path).touch()

def clean(path) -> None:
    raise AssertionError("called")
''')
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


def said(path: str, target: object) -> list[str]:
    """The faults of the default with another `_target_` somewhere."""
    config = configuration()
    holder = config
    for key in path.split("."):
        holder = holder[key]
    holder["_target_"] = target
    return [line for line in faults(config) if line.startswith(f"{path}._target_")]


HOP = 4
"""Of the options of a group every fourth is tried; that each goes into its own slot is shown in
tests/configuration/test_configs.py.
"""


@pytest.mark.fault(KIND, "components of every group in the place of every other group's")
def test_a_slot_takes_components_of_its_kind_alone(happened):
    every = [pair for pair in every_option() if pair[0] in SLOTS]
    targets = {
        (group, node(group, option)["_target_"])
        for group in SLOTS
        for option in [name for other, name in every if other == group][::HOP]
    }
    assert {group for group, _ in targets} == SLOTS.keys() - {"form", *DATA}
    targets |= {
        (part, part_of_data["_target_"])
        for data in (node("dataset", "mnist"), node("dataset", "digits_dvs")["source"])
        for part, part_of_data in data.items()
        if part in DATA
    }
    own = {slot: SLOTS[slot].package for slot in SLOTS}
    assert all(
        (refused(target, slot) is None) == (own[slot] == own[group])
        for slot in SLOTS
        for group, target in targets
    )
    for slot in ("dataset", *DATA):
        for group, target in targets:
            with nullcontext() if group == slot else pytest.raises(Refused):
                component_of(target, slot)
    happened(f"{len(SLOTS)} slots, each takes its own options alone")


DATA = ("source", "normalisation", "augmentation", "frames", "camera")
"""The parts of a data set, some of which live with it in one package and are told apart by what
they are.
"""
HELPERS = [
    ("encoder", "snnexp.track.files.MetricsFile"),
    ("tracker", "snnexp.track.files.MetricsFile"),
    ("tracker", "snnexp.track.trackers.Trackers"),
    ("tracker", "snnexp.track.base.Tracker"),
    ("dataset", "snnexp.datasets.published.download"),
    ("dataset", "snnexp.datasets.cache.cached"),
    ("dataset", "snnexp.datasets.published.unpack_imagenet"),
    ("architecture", "snnexp.architectures.scale.Scale"),
    ("architecture", "snnexp.architectures.resnet.stages"),
    ("architecture", "snnexp.architectures.residual.shortcut"),
    ("norm", "snnexp.norms.batch.PerStep"),
    ("loss", "snnexp.losses.mse.nn.MSELoss"),
    ("neuron", "snnexp.neurons.windowed.Windowed"),
    ("neuron", "snnexp.neurons.base.Neuron"),
    ("neuron", "snnexp.neurons.firing.fire"),
    ("loss", "snnexp.losses.base.Loss"),
    ("readout", "snnexp.readouts.base.Readout"),
    ("norm", "snnexp.norms.base.Norm"),
    ("activation", "snnexp.activations.base.Activation"),
    ("optimizer", "snnexp.optimizers.base.Optimizer"),
    ("encoder", "snnexp.encoders.direct.__class__"),
    ("encoder", "snnexp.encoders.direct.Direct.__init__"),
    ("encoder", "snnexp.encoders.direct.__loader__.exec_module"),
    ("encoder", "snnexp.encoders.dct.torch.load"),
    ("encoder", "snnexp.encoders.\0.Direct"),
    ("encoder", "snnexp.encoders. direct.Direct"),
    ("encoder", "snnexp.encoders.ﬀ.Direct"),
    ("optimizer", "torch.optim.Optimizer"),
    ("optimizer", "torch.optim.sgd.inspect"),
    ("optimizer", "torch.optim.lr_scheduler.StepLR"),
    ("scheduler", "torch.optim.lr_scheduler.LambdaLR"),
    ("strategy.stages.train", "snnexp.runs.torchvision_weights.versions"),
    ("strategy.stages.train.loss", "snnexp.encoders.direct.Direct"),
    ("strategy.stages.train.optimizer", "snnexp.track.files.MetricsFile"),
]


@pytest.mark.parametrize("path, target", HELPERS, ids=str)
@pytest.mark.fault(
    KIND,
    "functions, base classes, attributes of modules and dunder names in the place of a component",
)
def test_what_is_no_component_is_refused(path, target, happened):
    assert len(said(path, target)) == 1
    happened("exit 2: named, with what may stand there")


@pytest.mark.parametrize(
    "key", ["_partial_", "_args_", "_recursive_", "_convert_", "__class__", "self"]
)
@pytest.mark.fault(KIND, "keys that other programs read as orders")
def test_a_component_has_no_other_orders(key, happened):
    config = configuration()
    config["encoder"][key] = ["x"]
    assert any(
        line.startswith(f"encoder.{key}: Direct takes no such argument") for line in faults(config)
    )
    happened("exit 2: Direct takes no such argument")


@pytest.mark.parametrize(
    "path", ["dataset.augmentation", "dataset.normalisation.mean", "reference"]
)
@pytest.mark.fault(KIND, "a _target_ where no component is built")
def test_nothing_is_built_elsewhere(path, package, tmp_path, happened):
    config, evil = (
        configuration(),
        {"_target_": f"{package}.Other", "path": str(tmp_path / "called")},
    )
    *owners, key = path.split(".")
    holder = config
    for owner in owners:
        holder = holder[owner]
    holder[key] = [evil] if key == "mean" else evil
    assert any(line.startswith(path) for line in faults(config))
    assert package not in sys.modules and not (tmp_path / "imported").exists()
    happened("exit 2, nothing imported")


@pytest.mark.fault(KIND, "a package that nobody has declared as trusted")
def test_a_package_is_trusted_by_the_machine_alone(package, tmp_path, monkeypatch, happened):
    assert (
        "SNNEXP_TRUST=NAME" in said("encoder", f"{package}.Mine")[0]
        and not (tmp_path / "imported").exists()
    )
    config = configuration()
    config["SNNEXP_TRUST"], config["trust"] = package, package  # a file can declare nothing
    config["encoder"]["_target_"] = f"{package}.Mine"
    assert len(faults(config)) == 3 and not (tmp_path / "imported").exists()
    monkeypatch.setenv("SNNEXP_TRUST", f"other, {package}")
    assert said("encoder", f"{package}.Mine") == []
    for target in ("Other", "clean", "system", "Direct", "Path", "Nothing"):
        assert len(said("encoder", f"{package}.{target}")) == 1
    assert (
        len(said("neuron", f"{package}.Mine")) == 1
        and len(said("encoder", f"{package}x.Mine")) == 1
    )
    happened(
        "refused before it is imported; with SNNEXP_TRUST its encoder is an encoder, and "
        "nothing else of it is"
    )


@pytest.mark.fault(KIND, "a run folder whose encoder is a class that rewrites a file elsewhere")
def test_a_run_folder_changes_no_file(finished, tmp_path, capsys, happened):
    victim = tmp_path / "victim" / "metrics.jsonl"
    victim.parent.mkdir()
    victim.write_text('{"a": 1}\n{"half": ')
    config = yaml.safe_load((finished / "config.yaml").read_text())
    config["encoder"] = {
        "_target_": "snnexp.track.files.MetricsFile",
        "run_dir": str(victim.parent),
    }
    alien = tmp_path / "alien"
    alien.mkdir()
    for name in ("result.json", "weights.safetensors"):
        (alien / name).symlink_to(finished / name)
    (alien / "config.yaml").write_text(yaml.safe_dump(config))
    assert evaluate([str(alien)]) == 2
    assert (
        "encoder._target_: 'snnexp.track.files.MetricsFile' is not allowed"
        in capsys.readouterr().err
    )
    assert victim.read_text() == '{"a": 1}\n{"half": '
    happened("exit 2, the file is as it was")


def test_a_component_of_an_experiment_may_be_changed():
    assert faults(changed(configuration(), "encoder=poisson")) == []
