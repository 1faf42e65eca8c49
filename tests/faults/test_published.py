"""A published network that somebody has made on purpose: nothing of it is executed, and it reads
no file and no secret of this machine.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from snnexp.cli.evaluate import evaluate
from snnexp.cli.publish import publish
from snnexp.files.documents import read_json
from tests.support.tiny_run import attempted, job

KIND = "C: published networks"


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    job(folder / "run", "epochs=1", "dataset.validation=1400", "evaluate.images=20")
    assert publish([str(folder / "run"), "--to", str(folder / "network")]) == 0
    return folder / "network"


@pytest.fixture
def alien(network, tmp_path, monkeypatch) -> Path:
    """A copy; whatever starts a program, or reads a pickle, fails."""

    def forbidden(*arguments, **more):
        raise AssertionError("executed")

    for owner, name in ((os, "system"), (subprocess, "Popen"), (torch, "load")):
        monkeypatch.setattr(owner, name, forbidden)
    monkeypatch.setenv("SECRET_OF_THIS_MACHINE", "s3cret")
    shutil.copytree(network, tmp_path / "alien")
    return tmp_path / "alien"


def with_setting(folder: Path, path: str, value: object) -> None:
    config = yaml.safe_load((folder / "config.yaml").read_text())
    *owners, key = path.split(".")
    holder = config
    for owner in owners:
        holder = holder[owner]
    holder[key] = value
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


SYSTEM = {"_target_": "os.system", "command": "true"}
PROGRAMS = {
    "encoder": SYSTEM,
    "neuron._target_": "subprocess.run",
    "neuron.leak": SYSTEM,
    "strategy.stages.train.optimizer": SYSTEM,
    "strategy.stages.train.loss._target_": "builtins.exec",
    "dataset.source._target_": "torch.load",
    "tracker": SYSTEM,
    "energy": {"mine": SYSTEM},
    "readout._args_": ["true"],
}
"""In places of components, and where none is built."""
REFUSED = (
    *("encoder._target_: 'os.system' is not", "neuron._target_: 'subprocess.run' is not allowed"),
    "strategy.stages.train.optimizer._target_: 'os.system' is not allowed",
    "strategy.stages.train.loss._target_: 'builtins.exec' is not allowed",
    "dataset.source._target_: 'torch.load' is not allowed",
    *("tracker._target_: 'os.system' is not", "energy.mine._target_: 'os.system' is not allowed"),
    "readout._args_: Potential takes no such argument",
)


@pytest.mark.fault(KIND, "its configuration names programs, in every kind of place")
def test_a_configuration_starts_no_program(alien, capsys, happened):
    for path, value in PROGRAMS.items():
        with_setting(alien, path, value)
    assert evaluate([str(alien)]) == 2
    told = capsys.readouterr().err
    assert all(words in told for words in REFUSED), told
    assert not (alien / "evaluations").exists()
    happened("exit 2: each is named, with what may stand there")


ORDERS = {
    "output_dir": ("${oc.env:SECRET_OF_THIS_MACHINE}", "has an interpolation"),
    "neuron.threshold": ("${oc.decode:1}", "has an interpolation"),
    "data_dir": ("/etc", "data_dir: '/etc'"),
    "dataset.source.data_dir": ("data", "dataset.source.data_dir: 'data'"),
    "dataset.folder": ("a/../../b", "dataset.folder: 'a/../../b'"),
    "dataset.name": ("~/.ssh", "dataset.name: '~/.ssh'"),
    "sweep_dir": ("sweep", "sweep_dir: 'sweep'"),
    "strategy.stages.train.start": ("run", "strategy.stages.train.start: 'run'"),
    "reference": ({"rows": ["file://x"]}, "reference.rows: 'file://x'"),
}


@pytest.mark.parametrize("path", ORDERS)
@pytest.mark.fault(KIND, "its configuration asks for secrets or names folders")
def test_a_configuration_asks_for_nothing(path, alien, capsys, happened):
    value, words = ORDERS[path]
    with_setting(alien, path, value)
    assert evaluate([str(alien)]) == 3
    told = capsys.readouterr()
    assert words in told.err and "s3cret" not in told.out + told.err
    assert not (alien / "evaluations").exists()
    happened(f"exit 3: {words}")


@pytest.mark.fault(KIND, "its configuration is a Python object")
def test_a_tag_builds_nothing(alien, capsys, happened):
    (alien / "config.yaml").write_text("a: !!python/object/apply:os.system ['true']")
    assert evaluate([str(alien)]) == 3 and "has a tag" in capsys.readouterr().err
    happened("exit 3: has a tag")


def tensors_changed(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    name = next(name for name in tensors if name.endswith("weight"))
    tensors[name] = torch.zeros(3, 3)
    save_file(tensors, path, {"form": "spiking"})


def not_finite(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = {name: value.float() * torch.nan for name, value in load_file(path).items()}
    save_file(tensors, path, {"form": "spiking"})


def truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-7])


def huge_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")


def linked(where: str):
    def link(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors").symlink_to(where)

    return link


WEIGHTS = {
    "holds the weights of another network": tensors_changed,
    "is not finite": not_finite,
    "incomplete": truncated,
    "header": huge_header,
    "cannot be read": pickled,
    "cannot be read (": linked("/etc/passwd"),
    "not a regular file": linked("/dev/zero"),
}


@pytest.mark.parametrize("words", WEIGHTS)
@pytest.mark.fault(KIND, "its weights are of another network, cut, a pickle, or a link")
def test_weights_are_numbers_or_nothing(words, alien, capsys, happened):
    (alien / "result.json").write_text(_unsummed(alien))
    WEIGHTS[words](alien)
    code = evaluate([str(alien)])
    told = capsys.readouterr().err
    assert code == (5 if words == "is not finite" else 3) and "root:" not in told
    assert words in told.lower() or words in told
    happened(f"exit {code}: {words}")


def _unsummed(folder: Path) -> str:
    result = read_json(folder / "result.json")
    return json.dumps({key: value for key, value in result.items() if key != "weights_sha256"})


@pytest.mark.fault(KIND, "its weights are not those of its result")
def test_other_weights_than_the_result_names_are_refused(alien, capsys, happened):
    tensors_changed(alien)
    assert evaluate([str(alien)]) == 3
    assert "is damaged or not that of this run" in capsys.readouterr().err
    happened("exit 3: is damaged or not that of this run")


@pytest.mark.fault(KIND, "a training starts from one that names folders")
def test_a_training_that_starts_from_it_is_no_way_around(alien, tmp_path, happened):
    with_setting(alien, "data_dir", "/etc")
    start = f"strategy.stages.train.start={alien}"
    _, error, code = attempted(tmp_path / "new", "strategy=ann", start, "dataset.validation=1400")
    assert code == 2 and "data_dir: '/etc'" in str(error)
    happened("exit 2: names folders, which a published network does not")


@pytest.mark.fault(KIND, "the folder for evaluations is a link")
def test_evaluations_go_nowhere_else(alien, tmp_path, happened):
    (tmp_path / "victim").write_text("mine")
    (alien / "evaluations").symlink_to(tmp_path / "victim")
    assert evaluate([str(alien)]) == 2 and (tmp_path / "victim").read_text() == "mine"
    happened("exit 2, the file is as it was")
