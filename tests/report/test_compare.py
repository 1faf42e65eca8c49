"""Runs side by side: what differs is shown, what does not is not; what is no run is said in words;
the picture.
"""

import copy
import csv
import io
import json
import sys
from pathlib import Path

import pytest
import yaml

from snnexp.cli.compare import compare
from snnexp.report import along, curves, tradeoff
from snnexp.report.comparison import differing, read_run
from snnexp.report.labels import labels
from snnexp.report.outcomes import outcomes, readings
from tests.support.fake_run import BLOCK

CONFIG = {
    "timesteps": 4,
    "evaluate": {"timesteps": 4},
    "neuron": {"_target_": "snnexp.neurons.lif.LIF", "leak": 0.5},
    "surrogate": {"_target_": "snnexp.surrogates.arctan.Arctan"},
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.1, "betas": [0.9, 0.99]},
    "strategy": {"stages": {"train": {"timesteps": 4, "optimizer": {"lr": 0.1}}}},
}


def run(folder: Path, config: dict | None = None, **more) -> Path:
    """A run folder; `more` goes into the result."""
    folder.mkdir(parents=True)
    block = {**BLOCK, "form": "spiking", "neuron": "lif", "train_seconds": 90.0, **more}
    (folder / "result.json").write_text(
        json.dumps({**block, "stages": more.get("stages", {"finetune": block})})
    )
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG if config is None else config))
    return folder


def other() -> dict:
    config = copy.deepcopy(CONFIG)
    config["neuron"] = {"_target_": "snnexp.neurons.plif.PLIF", "time_constant": 2.0}
    config["timesteps"] = config["evaluate"]["timesteps"] = config["strategy"]["stages"]["train"][
        "timesteps"
    ] = 8
    config["surrogate"]["_target_"] = "snnexp.surrogates.sigmoid.Sigmoid"
    config["optimizer"]["betas"] = [0.9, 0.95]
    return config


def printed(capsys, *arguments: object) -> list[dict[str, str]]:
    assert compare([*map(str, arguments), "--format", "csv"]) == 0
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def test_only_what_differs_in_the_configuration_is_shown_and_once(tmp_path):
    runs = [read_run(run(tmp_path / "a")), read_run(run(tmp_path / "b", other(), neuron="plif"))]
    assert {line.name: line.values for line in differing(runs)} == {
        "neuron": ("lif", "plif"),
        "neuron.leak": (0.5, None),
        "neuron.time_constant": (None, 2.0),
        "timesteps": (4, 8),
        "surrogate": ("Arctan", "Sigmoid"),
        "optimizer.betas": ([0.9, 0.99], [0.9, 0.95]),
    }


def test_results_stand_side_by_side(capsys, tmp_path):
    first, second = (
        run(tmp_path / "a"),
        run(tmp_path / "b", accuracy=80.0, parameters=7, operations={"mac": 1.0}),
    )
    lines = {
        line["name"]: (line[str(first)], line[str(second)])
        for line in printed(capsys, first, second)
        if line["part"] == "result"
    }
    assert lines["accuracy"] == ("96.5", "80.0") and lines["operations.mac"] == ("1200000.0", "1.0")
    assert (
        lines["operations.ac"] == ("3400.0", "")
        and lines["parameters"] == ("", "7")
        and lines["spikes_per_neuron"] == ("0.123", "0.123")
    )
    assert "device" not in lines and "test_loss" not in lines  # equal


def test_each_stage_and_the_time_of_all(tmp_path):
    stages = {
        "pretrain": {**BLOCK, "accuracy": 90.0, "train_seconds": 60.0},
        "finetune": {**BLOCK, "train_seconds": 30.0},
    }
    lines = {
        line.name: line.values
        for line in outcomes(
            [read_run(run(tmp_path / "a", stages=stages)), read_run(run(tmp_path / "b"))]
        )
    }
    assert lines["accuracy after pretrain"] == (90.0, None) and lines["training time"] == (
        90.0,
        90.0,
    )


def test_accuracy_is_shown_at_powers_of_two_and_at_the_end_of_each_run(capsys, tmp_path):
    curve = [0.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    paths = [
        run(tmp_path / "a", accuracy_by_timestep=curve),
        run(tmp_path / "b", accuracy_by_timestep=[0.0, None, 70.0]),
    ]
    lines = {line.name: line.values for line in readings([read_run(path) for path in paths])}
    assert lines == {
        "t = 1": (0.0, 0.0),
        "t = 2": (20.0, None),
        "t = 3": (30.0, 70.0),
        "t = 4": (40.0, None),
        "t = 6": (60.0, None),
    }
    rows = [row for row in printed(capsys, *paths) if row["part"] == "accuracy by timestep"]
    assert rows[-1] == {
        "part": "accuracy by timestep",
        "name": "accuracy_by_timestep.6",
        str(paths[0]): "60.0",
        str(paths[1]): "",
    }


def test_a_network_read_once_has_no_accuracy_against_timesteps(tmp_path):
    assert readings([read_run(run(tmp_path / "a", accuracy_by_timestep=[90.0]))]) == []


@pytest.mark.parametrize("form", ["rich", "markdown"])
def test_other_forms(form, capsys, tmp_path):
    assert (
        compare(
            [
                str(run(tmp_path / "a")),
                str(run(tmp_path / "b", other(), neuron="plif")),
                "--all",
                "--format",
                form,
            ]
        )
        == 0
    )
    out = capsys.readouterr().out
    for words in ("96.50 %", "12.3 uJ", "1.5 min", "plif", "neuron.time_constant", "-"):
        assert words in out


def test_many_runs_with_long_names_have_numbers_and_nothing_is_cut(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    folders = [
        run(tmp_path / f"{'x' * 40}{number}", accuracy=10.0 + number, device="q" * 18 + str(number))
        for number in range(4)
    ]
    assert compare([*map(str, folders), "--all"]) == 0
    out = capsys.readouterr().out
    assert (
        f"(4)  {folders[3]}" in out and "configuration: nothing differs" in out and "…" not in out
    )
    assert all(f"{10 + number}.00 %" in out for number in range(4))
    device = out.partition("device")[2]
    assert device.count("q") == 4 * 18  # folded, not cropped


def test_a_result_alone_is_compared_by_what_it_says_of_itself(capsys, tmp_path):
    first, second = run(tmp_path / "a"), run(tmp_path / "b", timesteps=9)
    names = {"s1.json": first, "s2.json": second}
    for name, folder in names.items():
        (tmp_path / name).write_text((folder / "result.json").read_text())
    lines = [
        line
        for line in printed(capsys, tmp_path / "s1.json", tmp_path / "s2.json")
        if line["part"] == "configuration"
    ]
    assert [line["name"] for line in lines] == ["timesteps"]
    lines = [
        line
        for line in printed(capsys, tmp_path / "s1.json", first)
        if line["part"] == "configuration"
    ]
    assert [line["name"] for line in lines] == [
        "strategy.stages.finetune.epochs"
    ]  # what one does not say is no difference


def test_labels_are_the_shortest_that_tell_apart(tmp_path):
    runs = [read_run(run(tmp_path / name)) for name in ("a/one", "a/two")]
    assert labels(runs) == ["one", "two"]
    runs = [*runs, read_run(run(tmp_path / "b/one"))]
    assert labels(runs) == ["a/one", "a/two", "b/one"]
    (tmp_path / "b" / "s1.json").write_text((tmp_path / "b/one/result.json").read_text())
    assert labels([read_run(tmp_path / "b" / "s1.json")]) == ["b/s1"]


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda folder: None, "not there. Expected: the folder of a finished run"),
        (lambda folder: folder.mkdir(), "not the folder of a run, there is no result.json in it"),
        (
            lambda folder: (run(folder) / "result.json").write_text("{"),
            "result.json: cannot be read",
        ),
        (
            lambda folder: (run(folder) / "result.json").write_text("[1]"),
            "result.json: not the result of a run",
        ),
        (
            lambda folder: (run(folder) / "result.json").write_text('{"stages": {"a": 1}}'),
            "result.json: not the result of a run",
        ),
        (
            lambda folder: (run(folder) / "config.yaml").write_text("a: ["),
            "config.yaml: cannot be read",
        ),
        (
            lambda folder: (run(folder) / "config.yaml").write_text("3"),
            "config.yaml: not the configuration of a run",
        ),
    ],
)
def test_what_is_no_run_is_said_in_words(make, words, capsys, tmp_path):
    make(tmp_path / "run")
    assert compare([str(tmp_path / "run"), str(tmp_path / "nowhere")]) == 3
    err = capsys.readouterr().err
    assert words in err and f"{tmp_path / 'nowhere'}: not there" in err and "Traceback" not in err


def test_a_run_without_a_result_says_how_far_it_is(capsys, tmp_path):
    run(tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    (tmp_path / "run" / "status.json").write_text(
        '{"status": "failed", "error": "DataError: nowhere\\nmore"}'
    )
    assert compare([str(tmp_path / "run")]) == 3
    assert "this run is failed and has no result (DataError: nowhere)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["a", "--format", "xml"], ["a", "--plot", "a.jpg"], ["a", "--wrong"]]
)
def test_wrong_arguments(arguments, capsys):
    assert compare(arguments) == 2
    assert "usage: snnexp compare" in capsys.readouterr().err


# Pictures


def test_published_points_are_those_of_all_rows(tmp_path):
    reference = {
        "rows": ["t3-cifar10-38-2048", "t3-cifar10-38-256"],
        "accuracy": 91.36,
        "timesteps": 2048,
    }
    assert curves.published(read_run(run(tmp_path / "a", reference=reference))) == [
        (2048, 91.36),
        (256, 89.37),
    ]
    assert curves.published(
        read_run(run(tmp_path / "b", reference={"rows": ["text-mnist-31"]}))
    ) == [(None, 99.42)]
    assert curves.published(read_run(run(tmp_path / "c"))) == [
        (6, 93.16)
    ]  # of a row that the survey does not have
    assert curves.published(read_run(run(tmp_path / "d", reference=None))) == []


@pytest.mark.slow
@pytest.mark.parametrize("form, start", [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_picture_is_drawn(form, start, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    curve = [None, None, *(float(t) for t in range(60))]
    folders = [
        run(tmp_path / "a", ann_accuracy=97.0),
        run(tmp_path / "b", accuracy_by_timestep=curve),
        run(tmp_path / "c", form="analog"),
    ]
    assert compare([*map(str, folders), "--plot", str(tmp_path / "new" / f"picture.{form}")]) == 0
    assert (tmp_path / "new" / f"picture.{form}").read_bytes().startswith(start)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"picture.{form}"]


def drawn(tmp_path: Path, *more: dict):
    from matplotlib.figure import Figure

    figure = Figure()
    curves.draw(
        figure, [read_run(run(tmp_path / str(number), **each)) for number, each in enumerate(more)]
    )
    return figure.axes[0]


@pytest.mark.slow
def test_what_a_picture_shows(tmp_path):
    pytest.importorskip("matplotlib")
    axes = drawn(tmp_path, {"ann_accuracy": 97.0}, {"reference": None, "accuracy": 50.0})
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_xscale()) == (
        "timesteps T",
        "test accuracy (%)",
        "linear",
    )
    curve, ann, point, second = axes.get_lines()
    assert [*curve.get_ydata()] == BLOCK["accuracy_by_timestep"] and [*curve.get_xdata()] == [
        1,
        2,
        3,
        4,
    ]
    assert set(ann.get_ydata()) == {97.0} and ann.get_linestyle() == "--"
    assert ([*point.get_xdata()], [*point.get_ydata()]) == ([6], [93.16])
    assert curve.get_color() == ann.get_color() == point.get_color() != second.get_color()
    names = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert names == ["0", "1", "accuracy of the run's ANN", "published"]


@pytest.mark.slow
def test_long_runs_have_a_logarithmic_axis(tmp_path):
    pytest.importorskip("matplotlib")
    assert drawn(tmp_path, {"accuracy_by_timestep": [1.0] * 100}).get_xscale() == "log"


def test_without_matplotlib_the_comparison_is_still_printed_and_the_remedy_named(
    capsys, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert compare([str(run(tmp_path / "a")), "--plot", str(tmp_path / "a.png")]) == 1
    told = capsys.readouterr()
    assert (
        "96.50 %" in told.out
        and "pip install 'snnexp[plot]'" in told.err
        and not (tmp_path / "a.png").exists()
    )


# Against a setting


def swept(tmp_path: Path) -> list[Path]:
    """T of 4 and 8, two neurons, and two seeds of one of them."""
    folders = []
    for neuron, seed, timesteps, accuracy in (
        ("lif", 1, 4, 90.0),
        ("lif", 2, 4, 92.0),
        ("lif", 1, 8, 94.0),
        ("plif", 1, 8, 97.0),
        ("plif", 1, 4, 96.0),
    ):
        config = {**copy.deepcopy(CONFIG), "seed": seed, "timesteps": timesteps}
        if neuron == "plif":
            config["neuron"] = {"_target_": "snnexp.neurons.plif.PLIF", "time_constant": 2.0}
        config["evaluate"] = {"timesteps": timesteps}
        folder = tmp_path / f"{neuron}{seed}{timesteps}"
        folders.append(run(folder, config, neuron=neuron, accuracy=accuracy, seed=seed))
    return folders


def test_curves_along_a_setting_are_told_apart_by_the_other_settings(tmp_path):
    runs = [read_run(folder) for folder in swept(tmp_path)]
    found = {curve.label: curve.points for curve in along.curves(runs, "timesteps", "accuracy")}
    assert found == {
        "neuron lif": {4: (91.0, 90.0, 92.0), 8: (94.0, 94.0, 94.0)},
        "neuron plif": {4: (96.0, 96.0, 96.0), 8: (97.0, 97.0, 97.0)},
    }
    (names,) = [[*curve.points] for curve in along.curves(runs[:3:2], "timesteps", "accuracy")]
    assert names == [4, 8]


@pytest.mark.slow
def test_a_picture_along_a_setting_has_a_panel_for_each_field(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    words = ["--plot", tmp_path / "a.svg", "--along", "timesteps"]
    more = ["--show", "accuracy", "--show", "train_seconds"]
    assert compare([*map(str, [*swept(tmp_path), *words, *more])]) == 0
    text = (tmp_path / "a.svg").read_text()
    assert all(each in text for each in ("accuracy (%)", "training time", "neuron plif", "90 s"))


@pytest.mark.parametrize(
    "words, remedy",
    [
        (["--along", "seeds"], "do not differ in it, but in neuron, neuron.leak"),
        (["--along", "timesteps", "--show", "speed"], "docs/result.md"),
    ],
)
def test_what_cannot_be_drawn_is_said(tmp_path, capsys, words, remedy):
    words = [*words, "--plot", tmp_path / "a.png"]
    assert compare([*map(str, [*swept(tmp_path), *words])]) == 2
    assert remedy in capsys.readouterr().err and not (tmp_path / "a.png").exists()


# Evaluations, seeds and costs


def evaluation(of: Path, changes: list[str], timesteps: int, **more) -> Path:
    """What `snnexp evaluate` leaves in the folder of a run."""
    block = {**BLOCK, "form": "spiking", "neuron": "lif", "timesteps": timesteps, **more}
    path = of / "evaluations" / "one.json"
    path.parent.mkdir()
    path.write_text(json.dumps({**block, "changes": changes}))
    return path


def test_an_evaluation_is_compared_with_its_run(tmp_path):
    folder = run(tmp_path / "a", {**CONFIG, "encoder": {"_target_": "Direct", "scale": 1.0}})
    again = evaluation(folder, ["timesteps=9", "encoder=poisson"], 9, encoder="poisson")
    runs = [read_run(folder), read_run(again)]
    lines = {line.name: line.values for line in differing(runs)}
    assert lines["timesteps"] == (4, 9) and lines["encoder"] == ("Direct", "poisson")
    assert lines["encoder.scale"] == (1.0, None)
    assert labels(runs) == ["Direct", "poisson"] and runs[1].result.changes is not None


def test_results_without_a_configuration_differ_in_what_their_commands_name(tmp_path, capsys):
    paths = []
    for rule, hashed in (("threshold=mse calibration=light", "a"), ("threshold=ann_max", "b")):
        words = f"snnexp train +experiment=x {rule} strategy.stages.pretrain.start=there"
        folder = run(tmp_path / hashed, command=words, experiment="x", config_hash=hashed)
        paths.append(tmp_path / f"{hashed}.json")
        paths[-1].write_text((folder / "result.json").read_text())
    runs = [read_run(path) for path in paths]
    lines = {line.name: line.values for line in differing(runs)}
    assert lines["threshold"] == ("mse", "ann_max")
    assert lines["calibration"] == ("light", "(not set)") and labels(runs) == ["mse", "ann_max"]
    assert compare([*map(str, paths)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "no configuration beside" in out and "there may be more" in out
    assert "time not counted pretrain is of another run" in out


def test_results_come_first_and_parts_that_only_one_has_on_request(tmp_path, capsys):
    folders = [str(run(tmp_path / "a")), str(run(tmp_path / "b", other(), neuron="plif"))]
    assert compare(folders) == 0
    out = capsys.readouterr().out
    assert out.index("96.50 %") < out.index("configuration")
    assert "neuron.leak" not in out and "--all" in out and "lif, T 4" not in out
    assert compare([*folders, "--all"]) == 0
    assert "neuron.leak" in capsys.readouterr().out


def test_the_accuracy_of_the_ann_has_one_row(tmp_path):
    ann = {**BLOCK, "accuracy": 90.0}
    stages = {"pretrain": ann, "finetune": BLOCK}
    runs = [read_run(run(tmp_path / "a", stages=stages, ann_accuracy=90.0))]
    names = [line.name for line in outcomes(runs)]
    assert "accuracy of the ANN" in names and "accuracy after pretrain" not in names


def test_more_runs_than_columns_have_a_line_each(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    folders = [run(tmp_path / str(n), accuracy=10.0 + n) for n in range(12)]
    assert compare([*map(str, folders)]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.partition("result")[2].splitlines())) <= 80
    assert all(f"{10 + n}.00 %" in out for n in range(12))


@pytest.mark.slow
def test_seeds_are_one_curve_with_a_band_and_one_point_with_bars(tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    runs = []
    for seed, accuracy in ((1, 90.0), (2, 94.0)):
        curve = [50.0, accuracy]
        config = {**CONFIG, "seed": seed}
        more = {"accuracy_by_timestep": curve, "spikes_per_neuron": 0.5 * seed, "seed": seed}
        folder = run(tmp_path / str(seed), config, accuracy=accuracy, reference=None, **more)
        runs.append(read_run(folder))
    figure = Figure()
    curves.draw(figure, runs)
    (line,), (band,) = figure.axes[0].get_lines(), figure.axes[0].collections
    assert [*line.get_ydata()] == [50.0, 92.0] and "(2 seeds)" in line.get_label()
    assert band.get_paths()[0].get_extents().height == 44.0
    (point,) = tradeoff.points(runs, "spikes")
    assert point.cost == (0.75, 0.5, 1.0) and point.accuracy == (92.0, 90.0, 94.0)
    with pytest.raises(along.NothingToDraw):
        tradeoff.drawn([read_run(run(tmp_path / "n", operations=None))], "png", "energy")
