"""Events on the command line: what a data set of them brings, says and shows."""

import json
from pathlib import Path

import pytest

from snnexp.report.comparison import read_run
from snnexp.report.curves import draw
from snnexp.results.run import RunResult
from snnexp.track.tables import tables
from tests.support.command_line import TINY, Answer

pytestmark = pytest.mark.slow
RUN = "hydra.run.dir=run"


@pytest.fixture(scope="module")
def told(shell) -> Answer:
    """What a run of one epoch says."""
    return shell("train", "dataset=digits_dvs", *TINY, "timesteps=3", RUN)


def result_in(path: Path) -> RunResult:
    return RunResult.from_json(json.loads(path.read_text()))


@pytest.fixture(scope="module")
def result(shell, told) -> RunResult:
    return result_in(shell.folder / "run" / "result.json")


def test_the_data_set_brings_the_encoder_and_says_so(told, result):
    assert told.code == 0 and "dataset=digits_dvs brings encoder=frames" in told.out + told.err
    assert (result.last.encoder, result.last.timesteps) == ("frames", 3)


def test_the_result_says_what_a_timestep_is_and_what_frames_would_cost(told, result):
    last, operations = result.last, result.last.operations
    assert last.timestep_is == "1/3 of the events"
    assert "(a timestep: 1/3 of the events)" in told.out
    assert operations.mac == 0
    assert operations.mac_clocked == 3 * 9 * 2 * 4 * 16 * 16  # weights by positions and frames
    assert 0 <= operations.ac_clocked < operations.ac
    assert "frames multiplied" in told.out


def test_tables_and_plots_say_it_too(shell, result):
    from matplotlib.figure import Figure

    table = tables(result, "run")["accuracy_by_timestep"]
    assert table.columns[-3:] == ("timestep", "accuracy", "timestep_is")
    assert {row[-1] for row in table.rows} == {"1/3 of the events"} and len(table.rows) == 3
    figure = Figure()
    draw(figure, [read_run(shell.folder / "run")])
    assert figure.axes[0].get_xlabel() == "timesteps T (1/3 of the events each)"


def test_fewer_timesteps_show_the_first_frames_and_other_frames_are_cut_anew(shell, result):
    assert shell("evaluate", "run", "timesteps=2").code == 0
    more = shell("evaluate", "run", "timesteps=6", "dataset.frames.timesteps=6")
    late = shell("evaluate", "run", "timesteps=6")
    every = [*map(result_in, (shell.folder / "run" / "evaluations").glob("*.json"))]
    found = {each.last.timesteps: each.last for each in every}
    assert found[2].accuracy_by_timestep == result.last.accuracy_by_timestep[:2]
    assert (found[2].timestep_is, found[6].timestep_is) == (
        "1/3 of the events",
        "1/6 of the events",
    )
    assert more.code == 0 and late.code == 2
    assert "recordings are cut into 3 frames, the run needs 6" in late.err
    assert "set dataset.frames.timesteps=6" in late.err


def test_a_sample_of_every_class_is_drawn(shell):
    shown = shell("data", "show", "digits_dvs", "-o", "digits.png", "dataset.frames.timesteps=2")
    assert (shown.code, shown.err) == (0, "picture  digits.png\n")
    assert (shell.folder / "digits.png").read_bytes().startswith(b"\x89PNG")
    assert shell("data", "show", "digits", "-o", "images.svg").code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("show", "digits_dvs"), 2, "usage: snnexp data show NAME -o FILE.png"),
        (("show", "-o", "a.png"), 2, "usage: snnexp data show NAME -o FILE.png"),
        (("show", "digits_dvs", "-o", "a.txt"), 2, "'a.txt' should end in .png, .svg, .pdf"),
        (("show", "digits_dv", "-o", "a.png"), 2, "did you mean 'digits_dvs'?"),
        (("show", "mnist", "-o", "a.png", "data_dir=nowhere"), 3, "mnist: "),
    ],
)
def test_what_cannot_be_drawn_is_said(shell, words, code, said):
    answer = shell("data", *words)
    assert answer.code == code and said in answer.err
