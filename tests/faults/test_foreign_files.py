"""Files of a run folder that somebody else has made: reading them ends, takes little, and asks
nothing of this machine.
"""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from snnexp.cli.compare import compare
from snnexp.cli.evaluate import evaluate
from snnexp.cli.sweep_jobs import jobs_of
from snnexp.cli.sweep_table import jobs_table
from snnexp.cli.table import table
from snnexp.datasets.base import DataError
from snnexp.files.documents import DEEPEST, LARGEST, LARGEST_YAML, read_json, read_yaml
from snnexp.files.foreign import Absent, Unreadable, read_regular
from snnexp.jobs.folder import resolved
from snnexp.runs import status, weights
from snnexp.runs.start import epochs, settings
from snnexp.survey.experiments import experiments, references
from snnexp.track.files import MetricsFile
from tests.support.composed import configuration
from tests.support.tiny_run import attempted, job

ENDLESS, INTERPOLATION = "C: endless", "C: interpolation"
BOMB = "b0: &b0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"b{i}: &b{i} [{','.join([f'*b{i - 1}'] * 10)}]\n" for i in range(1, 9)
)
SECONDS = 20


@contextmanager
def in_time() -> Iterator[None]:
    """What waits for ever fails."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"still going on after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    job(folder, "epochs=1", "dataset.validation=1400", "evaluate.images=20")
    return folder


@pytest.fixture
def alien(finished, tmp_path) -> Path:
    shutil.copytree(finished, tmp_path / "alien")
    return tmp_path / "alien"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)  # sparse: a terabyte of zeros


def loop(path: Path) -> None:
    path.symlink_to(path.name)


MADE = {
    "a named pipe": pipe,
    "a link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "a link to a terminal": lambda path: path.symlink_to("/dev/tty"),
    "a folder": lambda path: path.mkdir(),
    "a terabyte": large,
    "a link to itself": loop,
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "deep lists": lambda path: path.write_text("[" * 200_000),
    "deep mappings": lambda path: path.write_text('{"a":' * 200_000),
    "a million digits": lambda path: path.write_text("9" * 1_000_000),
    "a number beyond all": lambda path: path.write_text('{"stages": 1e999, "status": 1e999}'),
    "bytes of no text": lambda path: path.write_bytes(b"\xff\xfe\x00\x80" * 9),
    "aliases": lambda path: path.write_text(BOMB),
    "nothing": lambda path: path.write_text(""),
}
FILES = (
    "config.yaml",
    "result.json",
    "status.json",
    "metrics.jsonl",
    "overrides.json",
    "weights.safetensors",
)

OF_THE_PACKAGE = {
    "shipped": lambda: None,
    "references": cache(references),
    "experiments": cache(experiments),
}
"""What a table reads beside the folder in question: nobody else has made it."""


@pytest.mark.parametrize("what", MADE)
@pytest.mark.fault(ENDLESS, "every file of a run folder is a pipe, a device, endless, deep or huge")
def test_reading_a_run_folder_ends(finished, tmp_path, monkeypatch, capsys, what, happened):
    monkeypatch.chdir(tmp_path)
    for name, act in OF_THE_PACKAGE.items():
        monkeypatch.setattr(f"snnexp.cli.table.{name}", act)
    (tmp_path / "good").symlink_to(finished)
    for name in FILES:
        folder = tmp_path / name
        folder.mkdir()
        for other in (
            "config.yaml",
            "result.json",
            "status.json",
            "metrics.jsonl",
            "weights.safetensors",
        ):
            if other != name:
                (folder / other).symlink_to(finished / other)
        MADE[what](folder / name)
        with in_time():
            codes = {
                "compare": compare([str(folder), str(finished)]),
                "table": table(["1", "--runs", str(folder)]),
            }
            if name in ("config.yaml", "result.json", "weights.safetensors"):
                codes["evaluate"] = evaluate([str(folder)])
            jobs_table(tmp_path, jobs_of(tmp_path))
            status.unfinished(folder)
        assert codes["table"] == 0 and codes["compare"] == (
            3 if name in ("config.yaml", "result.json") else 0
        ), (name, codes)
        assert codes.get("evaluate", 3) == 3, (name, codes)
    assert "Traceback" not in capsys.readouterr().err
    happened("exit 3 or left out by name, in time")


@pytest.mark.fault(
    ENDLESS, "metrics.jsonl of a run that is resumed is a pipe or has a damaged line"
)
def test_records_are_read_in_the_same_way(tmp_path, happened):
    (tmp_path / "metrics.jsonl").write_text('{"a": 1}\n{"a": 1e999}\n')
    with pytest.raises(Unreadable, match="metrics.jsonl: has a number that is too large"):
        MetricsFile(tmp_path).read()
    (tmp_path / "metrics.jsonl").unlink()
    pipe(tmp_path / "metrics.jsonl")
    with in_time(), pytest.raises(Unreadable, match="metrics.jsonl: not a regular file"):
        MetricsFile(tmp_path)
    happened("exit 3: names the file")


def test_what_is_read_is_bounded(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    assert read_regular(path, 10) == b"x" * 10
    with pytest.raises(Unreadable, match="10 bytes, more than the 9"):
        read_regular(path, 9)
    with pytest.raises(Absent, match="nowhere: not there"):
        read_regular(tmp_path / "nowhere", 9)
    with pytest.raises(Unreadable, match="cannot be read"):
        read_regular("a\0b", 9)
    assert read_regular("/proc/self/status", 2**20).startswith(b"Name:")
    with pytest.raises(Unreadable, match="more than the 9 bytes"):
        read_regular("/proc/self/status", 9)


def test_yaml_is_read_as_the_command_line_reads_values(tmp_path):
    path = tmp_path / "file"
    path.write_text(
        "a: 010\nb: 1:30\nc: 1_000\nd: 1e5\ne: yes\nf: ~\ng: 2020-01-01\nh: 0x1f\ni: "
        "1.0e-05\nj: 'a #b'\nk: [1, {l: true}]\n"
    )
    assert read_yaml(path) == {
        **{
            "a": "010",
            "b": "1:30",
            "c": 1000,
            "d": 1e5,
            "e": "yes",
            "f": None,
            "g": "2020-01-01",
            "h": "0x1f",
            "i": 1e-5,
            "j": "a #b",
        },
        "k": [1, {"l": True}],
    }


def test_minutes_of_minutes_are_a_word(tmp_path):
    (tmp_path / "file").write_text(f"a: {'1:' * 400_000}1")
    with in_time():
        assert read_yaml(tmp_path / "file") == {"a": "1:" * 400_000 + "1"}


def test_what_a_run_writes_is_read_back(tmp_path):
    odd = [
        "010",
        "1:30",
        "yes",
        "1e5",
        "",
        "null",
        "a #b",
        "x: y",
        "~",
        1e-30,
        "a\nb",
        "é\u202e",
        "2020-01-01",
        "1_0",
        "0x1f",
        "- a",
        "!a",
    ]
    config = configuration() | {"odd": odd}
    (tmp_path / "file").write_text(OmegaConf.to_yaml(OmegaConf.create(config)))
    assert read_yaml(tmp_path / "file") == config


YAMLS = {
    "anchor": ("a: &x 1", "an anchor"),
    "alias": ("a: *x", "."),
    "bomb": (BOMB, "an anchor or an alias"),
    "tag": ("a: !!python/object/apply:os.system [true]", "a tag"),
    "set": ("a: !!set {b}", "a tag"),
    "documents": ("a: 1\n---\na: 2", "more than one document"),
    "twice": ("a: 1\na: 2", "a key stands twice"),
    "deep": ("{a: " * (DEEPEST + 1), "nested too deeply"),
    "digits": (f"a: {'9' * 100_000}", "cannot be read"),
    "infinite": ("a: 1e999", "too large"),
    "large": ("a" * (LARGEST_YAML + 1), "more than the"),
    "control": ("a: \x1b[2J", "cannot be read"),
}


@pytest.mark.parametrize("name", YAMLS)
@pytest.mark.fault(ENDLESS, "YAML that is no plain document of bounded size")
def test_yaml_that_is_not_plain_is_refused_at_once(tmp_path, name, happened):
    text, words = YAMLS[name]
    (tmp_path / "file").write_text(text)
    begun = time.process_time()
    with in_time(), pytest.raises(Unreadable, match=words):
        read_yaml(tmp_path / "file")
    happened(f"refused: {words}")
    assert time.process_time() - begun < SECONDS


JSONS = {
    "lists": "[" * 10**5,
    "mappings": '{"a":' * 10**5,
    "digits": "9" * 5000,
    "large": f"[{2**64}]",
    "mark": "\ufeff{}",
    "nothing": "",
}
JSONS |= {each: each for each in ("1e999", "-1e999", "NaN", "[Infinity]", "{", "[]]")}


@pytest.mark.parametrize("text", JSONS.values(), ids=JSONS)
@pytest.mark.fault(ENDLESS, "JSON that is not plain")
def test_json_that_is_not_plain_is_refused(tmp_path, text, happened):
    (tmp_path / "file").write_text(text)
    with in_time(), pytest.raises(Unreadable, match="file: "):
        read_json(tmp_path / "file")
    happened("refused in words")


def test_large_results_are_read(tmp_path):
    (tmp_path / "file").write_text(json.dumps([12.3456] * (LARGEST // 10)))
    assert len(read_json(tmp_path / "file")) == LARGEST // 10


@pytest.mark.parametrize(
    "what", ["a named pipe", "a link to /dev/zero", "a link to a terminal", "a folder"]
)
@pytest.mark.fault(ENDLESS, "a run starts from a folder whose weights are a pipe or a device")
def test_a_run_that_starts_from_no_file_of_weights_ends(alien, tmp_path, capsys, what, happened):
    (alien / "weights.safetensors").unlink()
    MADE[what](alien / "weights.safetensors")
    with in_time():
        code = attempted(
            tmp_path / "new",
            "strategy=ann",
            f"strategy.stages.train.start={alien}",
            "dataset.validation=1400",
        )[2]
    told = capsys.readouterr().err
    assert code == 3 and "weights.safetensors: cannot be read (" in told and "Expected: " in told
    assert (
        "(not a regular file)" in told or what == "a link to a terminal"
    )  # which cannot even be opened where there is none
    happened("exit 3: weights.safetensors: cannot be read (not a regular file)")


def test_what_is_hashed_is_what_is_read(alien, monkeypatch):
    """Another file in the place of the one that was compared is not looked at."""
    path, compared = alien / "weights.safetensors", weights.sha256

    def hashing(file):
        found = compared(file)
        path.unlink()
        pipe(path)
        return found

    before = weights.read(path)[1]
    monkeypatch.setattr(weights, "sha256", hashing)
    with in_time():
        found = weights.read(path)[1]
    assert before.keys() == found.keys() and all(
        before[name].equal(value) for name, value in found.items()
    )


# Interpolation


@pytest.mark.parametrize(
    "text",
    [
        "${oc.env:SECRET_OF_THIS_MACHINE}",
        "${seed}",
        "a${oc.decode:1}",
        "${now:%Y}",
        "${snnexp.stamp:a}",
    ],
)
@pytest.mark.fault(INTERPOLATION, "a config.yaml asks for the environment")
def test_a_written_configuration_asks_for_nothing(alien, monkeypatch, capsys, text, happened):
    monkeypatch.setenv("SECRET_OF_THIS_MACHINE", "s3cret")
    config = yaml.safe_load((alien / "config.yaml").read_text())
    config["output_dir"] = text
    (alien / "config.yaml").write_text(yaml.safe_dump(config))
    assert evaluate([str(alien)]) == 3 and compare([str(alien)]) == 3
    told = capsys.readouterr()
    assert told.err.count("has an interpolation") == 2 and "s3cret" not in told.out + told.err
    with pytest.raises(DataError, match="has an interpolation"):
        settings(alien)
    assert not (alien / "evaluations").exists()
    happened("exit 3: has an interpolation, which a written configuration does not have")


@pytest.mark.fault(
    INTERPOLATION, "a value of the command line that would be one when it is read again"
)
def test_no_run_writes_one(happened):
    from snnexp.configuration.check import faults

    config = resolved(OmegaConf.create({**configuration(), "output_dir": "\\${oc.env:HOME}"}))
    assert config["output_dir"] == "${oc.env:HOME}"
    (line,) = faults(config)
    assert line.startswith("output_dir: expected text without ${...}")
    happened("exit 2: expected text without ${...}")


@pytest.mark.fault(ENDLESS, "a run that says it has started from itself")
def test_runs_that_started_from_each_other_come_to_an_end(tmp_path, happened):
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / name).mkdir()
        stage = {"_target_": "snnexp.stages.ann.ANN", "epochs": 2, "start": str(tmp_path / other)}
        (tmp_path / name / "config.yaml").write_text(
            yaml.safe_dump({"dataset": {}, "strategy": {"stages": {"train": stage}}})
        )
    with pytest.raises(DataError, match="started from itself"):
        epochs({"epochs": 1, "start": str(tmp_path / "a")})
    happened("exit 3: says that it has started from itself")
