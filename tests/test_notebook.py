"""The names for a notebook: every example of the page runs, and the face is what it says."""

import re
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

import snnexp
from snnexp import notebook
from snnexp.cell import Over
from snnexp.errors import ConfigError
from tests.support.command_line import ROOT
from tests.support.tiny_run import job

PAGE = ROOT / "docs" / "python.md"


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, dict]:
    """A folder with a run in `outputs/lif`, and its result."""
    folder = tmp_path_factory.mktemp("notebook")
    return folder, job(folder / "outputs" / "lif", "evaluate.images=60")


@pytest.mark.slow
def test_every_example_of_the_page_runs(monkeypatch, trained):
    folder, result = trained
    (folder / "results").symlink_to(ROOT / "results")
    monkeypatch.chdir(folder)
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict = {}
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), names)
    assert len(examples) == 6 and names["spikes"].shape == (20, 1, 3)
    assert names["evaluation"].accuracy == result["accuracy"] and len(names["lines"]) > 10
    assert names["trains"]["body.linear1"].shape == (3, 2, 24)


SCRIPTS = {
    "spikes": (("outputs/lif", "spikes.png"), "body.linear1             24 neurons"),
    "own_neuron": (("neuron.png",), "refractory   ...|.......|.......|.......|.......|...."),
    "accuracy_against_energy": (("energy.png", "outputs/lif"), "outputs/lif            8"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_runs(monkeypatch, capsys, trained, name):
    words, said = SCRIPTS[name]
    monkeypatch.chdir(trained[0])
    monkeypatch.setattr(sys, "argv", [name, *words])
    runpy.run_path(str(PAGE.parent / "examples" / f"{name}.py"), run_name="__main__")
    assert said in capsys.readouterr().out
    picture = trained[0] / next(word for word in words if word.endswith(".png"))
    assert picture.exists() == (find_spec("matplotlib") is not None)


def test_all_scripts_are_tried():
    scripts = {path.stem for path in (PAGE.parent / "examples").glob("*.py")}
    assert scripts == SCRIPTS.keys() and all(f"`{name}.py" in PAGE.read_text() for name in scripts)


@pytest.mark.slow
def test_an_evaluation_takes_changes_and_spikes_are_those_that_it_counts(trained):
    folder = trained[0] / "outputs" / "lif"
    assert len(snnexp.evaluate(folder, "timesteps=5").accuracy_by_timestep) == 5
    run = snnexp.load(folder, "timesteps=5")
    (train,) = snnexp.spikes(run, samples=60).values()
    counted = snnexp.evaluate(run).tally.layers["body.linear1"].spikes
    assert train.shape == (5, 60, 24) and int(train.sum()) == int(counted)


@pytest.mark.slow
def test_an_analog_network_has_no_spikes_to_show(tmp_path):
    job(tmp_path, "strategy=ann", "epochs=0", "evaluate.images=20")
    with pytest.raises(ValueError, match="form 'analog' sends no spikes"):
        snnexp.spikes(snnexp.load(tmp_path))


def test_the_face_is_what_the_module_says():
    assert set(snnexp._NOTEBOOK) == set(notebook.__all__)
    assert snnexp.Over is Over
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = snnexp.nothing


def test_importing_the_package_does_not_import_torch():
    program = "import snnexp, sys; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.stdout == "False\n"


@pytest.mark.slow
def test_settings_are_those_of_the_file_but_for_those_given():
    spikes = snnexp.Over(snnexp.component("neuron", "if", threshold=2.0))(torch.ones(4, 1, 1))
    assert spikes.flatten().tolist() == [0, 1, 0, 1]
    with pytest.raises(TypeError, match="unheard_of"):
        snnexp.component("neuron", "if", unheard_of=1)


@pytest.mark.slow
def test_a_configuration_that_cannot_be_run_is_refused():
    with pytest.raises(ConfigError, match="timesteps"):
        snnexp.compose("timesteps=0")


def test_a_table_is_lines_by_column(tmp_path):
    lines = snnexp.table("1", [tmp_path])
    assert lines and all(line.keys() == lines[0].keys() for line in lines)
