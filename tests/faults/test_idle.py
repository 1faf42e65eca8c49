"""Networks that are dead, saturated or trivial say so by name, at once and wherever their accuracy
is shown.
"""

import pytest
from rich.console import Console

from snnexp.cli.compare import compare
from snnexp.cli.sweep_jobs import jobs_of
from snnexp.cli.sweep_table import jobs_table
from snnexp.measure.evaluator import Evaluation
from snnexp.measure.flags import flags
from snnexp.measure.tally import Layer, Tally
from snnexp.report.lines import stage_line
from snnexp.report.summary import summary
from snnexp.results.run import RunResult
from snnexp.results.stage import StageResult
from snnexp.survey.measured import measured
from snnexp.survey.rows import TABLES, rows
from tests.support.tiny_run import attempted, job


def tally(timesteps: int | None, **layers: Layer) -> Tally:
    return Tally(dict(layers), images=10, timesteps=timesteps)


@pytest.mark.fault("23: dead, saturated", "neuron.threshold=1e6, 1e-6")
@pytest.mark.parametrize("threshold, word", [("1e6", "silent"), ("1e-6", "saturated")])
def test_idle_layers_are_named_in_the_first_epoch_and_wherever_the_accuracy_is_shown(
    threshold, word, tmp_path, capsys, happened
):
    result, error, code = attempted(tmp_path / "run", "epochs=2", f"neuron.threshold={threshold}")
    assert (
        code == 0
        and f"{word}: body.linear1" in result["flags"]
        and result["flags"] == result["stages"]["train"]["flags"]
    )
    told = capsys.readouterr()
    before, _, after = told.err.partition("epoch 1/2")
    assert f"{word}: body.linear1" in before and f"{word}: body.linear1" in after
    last = StageResult.from_json(result["stages"]["train"])
    assert "(!)" in stage_line(last)
    summary(last, tmp_path)
    assert compare([str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert out.count(f"{word}: body.linear1") >= 1 and "(!)" in out and "flags" in out
    (tmp_path / "run" / "status.json").write_text('{"status": "finished"}')
    (sweep,) = jobs_of(tmp_path)
    assert any(f"{word}: body.linear1" in flag for flag in sweep.flags)
    Console(width=100).print(jobs_table(tmp_path, [sweep]))
    assert f"{result['accuracy']:.2f} (!)" in capsys.readouterr().out
    happened(
        f"warned in epoch 1, flagged: {result['flags'][0]}; marked in summary, compare and sweep"
    )


@pytest.mark.fault("23: dead, saturated", "a run whose layers are silent fills a row of a table")
def test_a_table_marks_it(happened):
    row = next(row for table in TABLES for row in rows(table) if row.id == "text-mnist-31")
    block = {
        "stage": "train",
        "accuracy": 99.0,
        "accuracy_by_timestep": [99.0],
        "epochs": 1,
        "form": "spiking",
        "flags": ["silent: a"],
    }
    found = {
        **block,
        "reference": {"rows": [row.id]},
        "stages": {"train": block},
        "git_commit": "0a+changes",
    }
    run = RunResult.from_json(found)
    assert measured(row, [run]).marks == ("silent: a", "made by code that no commit has")
    happened("the row has marks")


@pytest.mark.fault("23: dead, saturated", "a single-spike network with a threshold of 1e6")
def test_single_spikes_that_never_come(tmp_path, capsys, happened):
    words = [
        "+experiment=digits_single_spike",
        "neuron.threshold=1e6",
        "epochs=1",
        "strategy.stages.train.form.drive=[1e-9]",
    ]
    result, error, code = attempted(tmp_path, *words)
    said = capsys.readouterr().err
    assert code in (0, 5) and "silent" in said and "body." in said
    assert code == 5 or any(flag.startswith("silent: body.") for flag in result["flags"])
    happened(f"exit {code}: {said.strip()[:80]}")


def test_an_ordinary_network_has_no_flags(tmp_path, capsys):
    assert job(tmp_path, "epochs=2")["flags"] == [] and "warning" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "timesteps, layer, expected",
    [
        (4, Layer(5), "silent: a"),
        (4, Layer(5, spikes=199, active=50), "saturated: a"),
        (4, Layer(5, spikes=197, active=50), ""),
        (
            4,
            Layer(5, spikes=4, active=1),
            "saturated: a",
        ),  # the one neuron that fires does so at every timestep
        (4, Layer(5, spikes=100, active=50), ""),
        (1, Layer(5, spikes=25, active=25), ""),  # of one timestep firing at all is firing always
        (1, Layer(5, spikes=50, active=50), "saturated: a"),
        (4, Layer(5, spikes=200, active=50, largest=5), ""),  # bursts may have more
        (None, Layer(5, spikes=50, active=50), ""),  # single spikes
        (None, Layer(5), "silent: a"),
    ],
)
def test_words(timesteps, layer, expected):
    evaluation = Evaluation([50.0], 1.0, 10, 1.0, tally(timesteps, a=layer), answers=[5, 5])
    assert "".join(flags(evaluation)) == expected


def test_images_without_an_answer_and_one_answer_for_all():
    assert flags(Evaluation([10.0], 1.0, 10, 1.0, None, undecided=30.0, answers=[0, 7])) == [
        *("undecided: 30.0 % of the images", "trivial: class 1 is the only answer")
    ]
    assert flags(Evaluation([10.0], 1.0, 10, 1.0, None, undecided=0.5, answers=[3, 7])) == []
