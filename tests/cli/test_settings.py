"""What a user has settled for all commands."""

import json
import os
from pathlib import Path

import pytest

from snnexp.cli.settings import settings_file, with_settings
from snnexp.errors import ConfigError
from tests.support.command_line import TINY

SETTINGS = """
trust: [one, two]
data_dir: ~/my data
tracker: [csv, none]
tracker.name: it's mine
device: cpu
"""


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    for name in ("SNNEXP_SETTINGS", "SNNEXP_DATA", "SNNEXP_TRUST"):
        monkeypatch.setenv(name, "")  # so that what the settings leave there is taken away again
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "snnexp" / "settings.yaml"
    path.parent.mkdir()
    path.write_text(SETTINGS)
    return path


def test_the_file_is_where_the_system_keeps_settings_or_where_a_variable_says(file, monkeypatch):
    assert settings_file() == file
    monkeypatch.setenv("SNNEXP_SETTINGS", "other.yaml")
    assert settings_file() == Path("other.yaml")
    monkeypatch.setenv("SNNEXP_SETTINGS", "")
    assert settings_file() is None and with_settings("train", ["seed=2"]) == ["seed=2"]


def test_what_is_typed_or_in_the_environment_wins(file, monkeypatch):
    monkeypatch.setenv("SNNEXP_TRUST", "three")
    own = ["tracker=[csv,none]", "tracker.name='it\\'s mine'", "device=cpu"]
    assert with_settings("train", ["seed=2"]) == [*own, "seed=2"]
    assert with_settings("train", ["tracker=wandb"]) == ["device=cpu", "tracker=wandb"]
    assert with_settings("list", ["neuron"]) == ["neuron"]
    assert (os.environ["SNNEXP_TRUST"], os.environ["SNNEXP_DATA"]) == ("three", "~/my data")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epochs: 3", "epochs cannot be settled for all runs; what can is data_dir, trust, track"),
        ("- a", "expected keys with values"),
        ("a: [", "settings.yaml"),
    ],
)
def test_what_cannot_be_settled_is_refused(file, text, said):
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        with_settings("train", [])


@pytest.mark.slow
def test_a_run_goes_by_them(shell, tmp_path):
    (tmp_path / "mine.yaml").write_text(f"tracker: csv\noutput_dir: {tmp_path / 'runs'}\n")
    words = [each for each in TINY if not each.startswith("tracker")]
    told = shell("train", *words, "timesteps=2", SNNEXP_SETTINGS=str(tmp_path / "mine.yaml"))
    assert told.code == 0, told.err
    (table,) = (tmp_path / "runs" / "train").glob("*/metrics.csv")
    kept = json.loads((table.parent / "command.json").read_text())
    assert kept["arguments"][:2] == ["tracker=csv", f"output_dir={tmp_path / 'runs'}"]
