"""The names for a notebook: every example of the page runs, and the face is what it says."""

import re
import subprocess
import sys

import pytest
import torch

import snnexp
from snnexp import notebook
from snnexp.cell import Over
from snnexp.errors import ConfigError
from tests.support.command_line import ROOT
from tests.support.tiny_run import job

PAGE = ROOT / "docs" / "python.md"


@pytest.mark.slow
def test_every_example_runs(monkeypatch, tmp_path):
    job(tmp_path / "outputs" / "ann", "strategy=ann")
    (tmp_path / "results").symlink_to(ROOT / "results")
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict = {}
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), names)
    assert len(examples) == 5 and names["spikes"].shape == (20, 1, 3)
    assert names["evaluation"].accuracy > 20 and len(names["lines"]) > 10


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
