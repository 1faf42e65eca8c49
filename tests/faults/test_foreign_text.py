"""Text is text everywhere: nothing of a run, a path or an error moves the cursor, turns a line
round, or is read as markup.
"""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from snnexp.cli import data as data_command
from snnexp.cli import doctor as doctor_command
from snnexp.cli.compare import compare
from snnexp.cli.evaluate import evaluate
from snnexp.cli.main import refuse_unknown
from snnexp.cli.options import show
from snnexp.cli.sweep_jobs import jobs_of
from snnexp.cli.sweep_table import jobs_table
from snnexp.cli.table import table
from snnexp.files.visible import all_visible, one_line, visible
from snnexp.report.summary import summary
from snnexp.track.console import Console
from tests.report.test_compare import run
from tests.support.fake_run import BLOCK, stage

KIND = "C: terminal and markup"
CODES = (
    "\x1b]0;owned\x07\x1b[2Jclear\x9b2Jed \u202egnp.exe\u2066 \u200b\ufeff\r\x00 \ud800 "
    "[red]x[/red] [/blue] \x7f\u2028"
)
WHOLE = CODES.replace("\ud800", "")
"""Without the half of a pair, which JSON can hold and YAML cannot."""
ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def plain(capsys) -> str:
    """What was said, after it is seen that nothing in it acts."""
    told = capsys.readouterr()
    assert not ACTING.search(told.out + told.err), ACTING.search(told.out + told.err)
    return told.out + told.err


def test_what_acts_is_shown_as_python_writes_it():
    assert visible("\x1b[2J \u202e é 語 \t\n") == "\\x1b[2J \\u202e é 語 \t\n"
    assert one_line("a\n  b\x00") == "a b\\x00"
    assert all_visible({"\x1b": ["\r", 3, None, {"a": "\u2066"}]}) == {
        "\\x1b": ["\\r", 3, None, {"a": "\\u2066"}]
    }
    assert not ACTING.search(visible(CODES))


@pytest.mark.parametrize("form", ["rich", "csv", "markdown"])
@pytest.mark.fault(
    KIND,
    (
        "names, options, versions, stages and settings of a result hold escape codes, turned "
        "text and markup"
    ),
)
def test_results_are_shown_as_text(tmp_path, capsys, form, happened):
    block = {
        **BLOCK,
        "form": "spiking",
        "experiment": CODES,
        "neuron": CODES,
        "device": CODES,
        "versions": {"torch": CODES},
        "git_commit": CODES,
    }
    one, two = (
        run(
            tmp_path / "one",
            {WHOLE: WHOLE, "neuron": {"_target_": WHOLE}},
            stages={CODES: block, "b": block},
        ),
        run(tmp_path / "two"),
    )
    result = json.loads((one / "result.json").read_text())
    (one / "result.json").write_text(json.dumps(result | block | {"reduced": [CODES]}))
    assert compare([str(one), str(two), "--format", form]) == 0
    said = plain(capsys)
    assert "[red]x[/red]" in said.replace("\n", "") or form == "rich"  # there it is folded
    happened("shown escaped, markup as it is written")


@pytest.mark.fault(KIND, "folders and files with such names")
def test_paths_are_shown_as_text(tmp_path, capsys, monkeypatch, happened):
    name = CODES.replace("\x00", "").replace("/", "").replace("\ud800", "")
    odd = run(tmp_path / name, accuracy="high")
    monkeypatch.chdir(tmp_path)
    assert (
        compare([str(odd), f"{odd}x"]) == 3
        and evaluate([f"{odd}x"]) == 3
        and table(["1", "--runs", str(tmp_path)]) == 0
    )
    assert table(["1", "--runs", f"{odd}x"]) == 3
    assert "\\x1b]0;owned" in plain(capsys)
    shutil.rmtree(odd)
    odd = run(odd)
    assert compare([str(odd), str(run(tmp_path / "two"))]) == 0
    assert "[red]x[red]" in plain(capsys)
    summary(stage(experiment=CODES), odd)
    print(visible(str(jobs_table(odd, jobs_of(odd)).title)))
    assert "run folder" in plain(capsys)
    happened("shown escaped, markup as it is written")


@pytest.mark.fault(KIND, "a data folder and an environment with markup")
def test_data_and_doctor_show_text(monkeypatch, capsys, happened):
    monkeypatch.setenv("COLUMNS", "200")
    for folder, kept in (
        ("[/red]data", "[/red]data"),
        ("[red]data", "[red]data"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
    ):
        monkeypatch.setenv("SNNEXP_DATA", folder)
        assert (
            data_command.data(["list", "mnist"]) == 0
            and data_command.data(["verify", "mnist"]) == 3
        )
        assert plain(capsys).count(kept) >= 2
    monkeypatch.setattr(doctor_command, "software", lambda: [("checkout", "[/red]\x1b")])
    assert doctor_command.doctor([]) == 0
    assert "[/red]\\x1b" in plain(capsys)
    happened("shown as it is written, the command ends well")


@pytest.mark.fault(KIND, "arguments, logs and stages with such text")
def test_words_and_logs_are_text(tmp_path, capsys, happened):
    assert show([CODES]) == 2 and refuse_unknown(CODES) == 2 and doctor_command.doctor([CODES]) == 2
    assert table([CODES]) == compare(["a", "--wrong\x1b[2J\u202e"]) == 2
    console = Console(tmp_path, "plain")
    console.say(f"warning: {CODES}")
    console.finished(stage(stage=CODES))
    assert not ACTING.search((tmp_path / "train.log").read_text())
    assert "\\x1b" in plain(capsys)
    happened("shown escaped, in train.log too")


def test_a_configuration_with_such_keys_is_refused_as_text(tmp_path, capsys):
    folder = run(Path(tmp_path) / "one")
    (folder / "config.yaml").write_text(
        yaml.safe_dump({WHOLE: 1, "neuron": {"_target_": "a\x1b[2Jb.c"}})
    )
    (folder / "weights.safetensors").write_bytes(b"")
    assert evaluate([str(folder)]) == 2
    assert "no such key" in plain(capsys)
