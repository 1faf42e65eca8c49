"""A trained network as a folder that others load: what is in it, and what comes back out of it."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml

import snnexp
from snnexp.cli.compare import compare
from snnexp.cli.evaluate import evaluate
from snnexp.cli.publish import publish
from snnexp.files.documents import read_json, read_yaml
from snnexp.published.commands import elsewhere
from snnexp.published.front import front
from snnexp.published.source import source_of
from tests.support.published import FILES
from tests.support.tiny_run import attempted, job

pytestmark = pytest.mark.slow

SHORT = ("epochs=1", "dataset.validation=1400", "evaluate.images=40")
ROW = "t3-cifar10-40-16"
REFERENCE = f"reference={{rows: [{ROW}], accuracy: 91.62, timesteps: 16}}"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A finished run that stands for a row, with a folder of this machine in its command."""
    folder = tmp_path_factory.mktemp("publish") / "runs" / "one"
    chosen = ("neuron=lif", "strategy=bptt", "dataset=digits", "energy=[cmos45_memory]")
    job(folder, *SHORT, REFERENCE, *chosen, f"data_dir={folder.parent}")
    _change(folder, command=f"snnexp train data={folder} seed=1", selection="best_test")
    return folder


def _change(folder: Path, **fields) -> None:
    path = folder / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.fixture(scope="module")
def published(run) -> Path:
    folder = run.parents[1] / "published"
    assert publish([str(run), "--to", str(folder), "--license", "apache-2.0"]) == 0
    return folder


@pytest.fixture(scope="module")
def head(published) -> dict:
    _, text, _ = (published / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(text)


def test_a_folder_has_five_files_and_no_place_of_this_machine(published, run):
    assert {path.name for path in published.iterdir()} == FILES
    texts = [path.read_text() for path in published.iterdir() if path.suffix != ".safetensors"]
    assert not any(str(run.parent) in text or str(Path.home()) in text for text in texts)
    weights = (run / "weights.safetensors").read_bytes()
    assert (published / "model.safetensors").read_bytes() == weights
    config = read_yaml(published / "config.yaml")
    assert config["data_dir"] == config["dataset"]["source"]["data_dir"] == "~/.cache/snnexp"
    assert config["tracker"] == {"_target_": "snnexp.track.none.NoTracker"}
    told = read_json(published / "config.json")
    assert told["model_type"] == "snnexp" and told["configuration"] == config
    assert told["snnexp_version"] == snnexp.__version__ and told["id2label"]["9"] == "9"


def test_what_comes_back_is_what_was_measured(published, run, tmp_path):
    shutil.copytree(published, tmp_path / "copy")
    assert evaluate([str(tmp_path / "copy")]) == 0
    (path,) = (tmp_path / "copy" / "evaluations").iterdir()
    found, before = read_json(path), read_json(run / "result.json")
    for field in ("accuracy", "accuracy_by_timestep", "spikes_per_inference", "energies"):
        assert found[field] == before[field]
    assert found["config_hash"] == before["config_hash"]
    assert snnexp.evaluate(published).accuracy == before["accuracy"]
    assert compare([str(published), str(run), str(path)]) == 0


def test_the_head_of_the_card_says_what_was_measured(head, run):
    result = read_json(run / "result.json")
    assert head["license"] == "apache-2.0" and head["library_name"] == "snnexp"
    assert head["pipeline_tag"] == "image-classification" and "datasets" not in head
    assert {"spiking-neural-network", "neuron:lif", "strategy:bptt"} <= {*head["tags"]}
    (entry,) = head["model-index"]
    (results,) = entry["results"]
    measured = {each["type"]: each["value"] for each in results["metrics"]}
    assert measured["accuracy"] == pytest.approx(result["accuracy"] / 100)
    assert measured["spikes_per_neuron"] == pytest.approx(result["spikes_per_neuron"])
    joule = result["energies"]["cmos45_memory"]["joule"]
    assert measured["energy_joule"] == pytest.approx(joule) and joule > 0
    assert results["dataset"]["name"] == "digits" and head["metrics"] == ["accuracy"]


def test_the_card_has_published_beside_measured_and_what_it_is_to_be_read_with(published, run):
    card, result = (published / "README.md").read_text(), read_json(run / "result.json")
    accuracy = f"{result['accuracy']:.2f} %"
    assert f"| accuracy | {accuracy} at T = 3, 40 test images |" in card
    row = next(line for line in card.splitlines() if line.startswith(f"| `{ROW}`"))
    assert "| 91.62 % | 16 |" in row and f"| {accuracy} | 3 | 1 | partial" in row
    assert "| cmos45_memory |" in card and "snnexp train data=DIR seed=1" in card
    assert "best on the test set" in card and "n = 1, seed 1" in card
    assert result["git_commit"] in card and result["weights_sha256"] in card
    assert "\nsnnexp evaluate FOLDER\n" in card and 'snnexp.load("FOLDER")' in card


def test_runs_that_differ_in_the_seed_stand_together(run, tmp_path):
    for number, accuracy in ((1, 50.0), (2, 60.0)):
        shutil.copytree(run, tmp_path / f"s{number}")
        _change(tmp_path / f"s{number}", seed=number, accuracy=accuracy)
    shutil.copytree(tmp_path / "s2", tmp_path / "other")
    _change(tmp_path / "other", seed=3, config_hash="0" * 16)
    assert publish([str(tmp_path / "s1"), "--to", str(tmp_path / "published")]) == 0
    card = (tmp_path / "published" / "README.md").read_text()
    assert "One of n = 2 runs (seeds 1, 2), which come to 55.00 ± 7.07 %." in card


def test_a_folder_that_holds_something_is_left_alone(run, tmp_path, capsys):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "README.md").write_text("mine")
    assert publish([str(run), "--to", str(tmp_path / "notes")]) == 2
    assert "not empty; choose another folder, or --force" in capsys.readouterr().err
    assert (tmp_path / "notes" / "README.md").read_text() == "mine"
    (tmp_path / "outside").write_text("mine")
    (tmp_path / "notes" / "config.json").symlink_to(tmp_path / "outside")
    assert publish([str(run), "--to", str(tmp_path / "notes"), "--force"]) == 0
    assert "nobody may use it until you say under which" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "notes").iterdir()} == FILES
    assert (tmp_path / "outside").read_text() == "mine"
    assert publish([str(run), "--to", str(tmp_path / "outside")]) == 2
    assert "a file is in its place" in capsys.readouterr().err


def _without_weights(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()


def _damaged(folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(b"x" * 100)


def _unsummed(folder: Path) -> None:
    _change(folder, weights_sha256=None)


UNFIT = {
    "has no weights. Expected: the folder of a finished run": _without_weights,
    "is damaged, or not that of the result beside it": _damaged,
    "its result has no weights_sha256": _unsummed,
    "has no result.json (not there)": lambda folder: (folder / "result.json").unlink(),
    "config.yaml: not there": lambda folder: (folder / "config.yaml").unlink(),
    "not there. Expected": shutil.rmtree,
}


@pytest.mark.parametrize("words", UNFIT)
def test_what_is_no_trained_network_is_refused(words, run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run")
    UNFIT[words](tmp_path / "run")
    assert publish([str(tmp_path / "run"), "--to", str(tmp_path / "to")]) == 3
    assert words in capsys.readouterr().err and not (tmp_path / "to" / "README.md").exists()


def test_a_result_by_itself_and_a_license_of_no_name_are_refused(run, tmp_path, capsys):
    assert publish([str(run / "result.json"), "--to", str(tmp_path / "to")]) == 3
    assert "a file, and its weights are not beside it" in capsys.readouterr().err
    assert publish([str(run), "--to", str(tmp_path / "to"), "--license", "My own: x"]) == 2
    assert not (tmp_path / "to").exists()


def test_components_of_others_are_named_with_the_word_that_trusts_them(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run" / "config.yaml"
    text = path.read_text().replace("snnexp.encoders.direct.Direct", "mine.encoders.Mine")
    path.write_text(text)
    assert source_of(tmp_path / "run").packages == ("mine",)
    assert publish([str(tmp_path / "run"), "--to", str(tmp_path / "to")]) == 0
    card = (tmp_path / "to" / "README.md").read_text()
    assert "Some are of mine, which you install and trust yourself." in card
    assert "snnexp evaluate FOLDER trust=[mine]" in card
    assert read_json(tmp_path / "to" / "config.json")["requires"] == ["mine"]
    assert evaluate([str(tmp_path / "to")]) == 2


def test_a_run_starts_from_a_published_network(tmp_path):
    job(tmp_path / "ann", "strategy=ann", *SHORT)
    assert publish([str(tmp_path / "ann"), "--to", str(tmp_path / "published")]) == 0
    stage = "strategy.stages.pretrain"
    conversion = ("strategy=conversion", "neuron=if", "neuron.amplitude=threshold", *SHORT[1:])
    start = (f"{stage}.start={tmp_path / 'published'}", f"{stage}.epochs=0")
    result, error, code = attempted(tmp_path / "snn", *conversion, *start)
    assert (error, code) == (None, 0)
    before = read_json(tmp_path / "ann" / "result.json")
    assert result["started_from"] == {f"{stage}.start": before["weights_sha256"]}
    assert result["ann_accuracy"] == before["accuracy"]
    assert publish([str(tmp_path / "snn"), "--to", str(tmp_path / "second")]) == 0
    stages = read_yaml(tmp_path / "second" / "config.yaml")["strategy"]["stages"]
    assert stages["pretrain"]["start"] is None
    assert before["weights_sha256"] in (tmp_path / "second" / "README.md").read_text()
    assert snnexp.evaluate(tmp_path / "second").accuracy == result["accuracy"]


def test_a_network_is_published_again_and_links_are_followed(published, tmp_path):
    """Programs of the Hub keep files under their sums, and give folders of links to them."""
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for path in published.iterdir():
        (snapshot / path.name).symlink_to(path)
    assert publish([str(snapshot), "--to", str(tmp_path / "again")]) == 0
    assert not any(path.is_symlink() for path in (tmp_path / "again").iterdir())
    run, other = snnexp.load(snapshot), snnexp.load(tmp_path / "again")
    theirs = other.network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in run.network.state_dict().items())


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("snnexp train a.start=/home/me/run b=1", "snnexp train a.start=DIR b=1"),
        ("snnexp train 'a.start='\"'\"'/home/me/a run'\"'\"''", "snnexp train a.start=DIR"),
        ("snnexp train --config-dir ~/mine", "snnexp train --config-dir DIR"),
        ("snnexp train a=b/c", "snnexp train a=b/c"),
        ("snnexp 'train", "snnexp 'train"),
    ],
)
def test_commands_are_shown_without_folders_of_one_machine(typed, shown):
    assert elsewhere(typed) == shown


def test_names_in_the_head_are_yaml_and_nothing_else(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    _change(tmp_path / "run", experiment="a: b\n---\nlicense: mit", neuron="[x]")
    text = front(source_of(tmp_path / "run"), None)
    assert "license" not in yaml.safe_load(text) and not re.search("^---", text, re.M)
