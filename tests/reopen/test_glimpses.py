"""A look into the network of a run: its spikes are its spikes, its potentials those that the
equations give.
"""

import shutil
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

import snnexp
from snnexp.cli.looking import looking
from snnexp.composition.compose import composed
from snnexp.datasets.base import DataError
from snnexp.errors import ConfigError
from snnexp.jobs.folder import resolved
from snnexp.measure.at_work import at_work, counts
from snnexp.network.parts import spiking_units
from snnexp.reopen.glimpses import glimpses
from snnexp.reopen.look import Look
from snnexp.results.read import read_result
from snnexp.timed.discrete import clocked, output_of
from tests.support.command_line import Shell
from tests.support.tiny_run import STRATEGIES, job

pytestmark = pytest.mark.slow
TIMED = (
    *("strategy=single_spike", "encoder=spike_time", "readout=first_spike"),
    *("neuron=if_exp", "loss=spike_time", "norm=none"),
)


@pytest.fixture(scope="module")
def lif(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("glimpses") / "lif"
    job(folder, "epochs=1", "evaluate.images=60")
    return folder


@pytest.fixture(scope="module")
def analog(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("glimpses") / "ann"
    job(folder, "strategy=ann", "epochs=1", "evaluate.images=60")
    return folder


def test_spikes_and_answers_are_those_of_the_network(lif):
    found = glimpses(lif, Look(images=(1, 0), neurons=(0, 5, 23)))
    trains = snnexp.spikes(snnexp.load(lif), samples=2)["body.linear1"]
    for place, glimpse in zip((1, 0), found, strict=True):
        (band,) = (band for band in glimpse.bands if band.name == "body.linear1")
        assert glimpse.image == place and band.neurons == (0, 5, 23)
        for neuron, steps in zip(band.neurons, band.spikes, strict=True):
            assert steps == tuple((trains[:, place, neuron].nonzero().flatten() + 1).tolist())
    run = snnexp.load(lif)
    batch = next(iter(run.session.test.in_order()))
    assert found[1].label == run.session.class_names[int(batch.labels[0])]
    assert len(found[1].answers) == found[1].timesteps == 3


def test_potentials_are_those_of_the_equations(lif):
    """u = leak v + x, with the reset to zero of the default neuron."""
    run = snnexp.load(lif)
    batch = next(iter(run.session.test.in_order()))
    few = type(batch)(*(part[:2] for part in batch))
    unit = spiking_units(run.network)["body.linear1"]
    currents = []
    hook = unit.connection.register_forward_hook(lambda _, __, output: currents.append(output))
    chosen = {"body.linear1": torch.tensor([[3, 7], [7, 3]])}
    seen = at_work(run.network, few, run.session.evaluator.evaluators["spiking"], chosen)
    hook.remove()
    v = torch.zeros(2, 24)
    for step, current in enumerate(currents):
        u = unit.neuron.leak * v + current[0]
        v = u * (u < unit.neuron.firing.threshold)
        expected = v.gather(1, chosen["body.linear1"])
        assert torch.allclose(seen.potentials["body.linear1"][step], expected, atol=1e-6)
    fired = counts(run.network, few, run.session.evaluator.evaluators["spiking"])["body.linear1"]
    total = seen.spikes["body.linear1"].ne(0).sum(0)
    assert torch.equal(total, fired.gather(1, chosen["body.linear1"])) and len(currents) == 3


def test_hidden_timesteps_are_not_shown(tmp_path):
    more = ("presimulation=residual_potential", "presimulation.timesteps=4")
    more += ("timesteps=5", "epochs=1")
    job(tmp_path / "run", "strategy=conversion", *STRATEGIES["conversion"][:2], *more)
    (found,) = glimpses(tmp_path / "run", Look(images=(0,)))
    assert len(found.answers) == 5 and {
        len(t.potential) for p in found.panels for t in p.traces
    } == {5}
    assert all(step <= 5 for band in found.bands for steps in band.spikes for step in steps)


@pytest.mark.parametrize(
    "look, kind, words",
    [
        (Look(images=(60,)), DataError, "no image 60: the test set has those from 0 to 59"),
        (Look(images=(0,), layers=("body",)), ConfigError, "no layer body: there are body.linear1"),
    ],
)
def test_what_is_not_there_cannot_be_looked_at(lif, look, kind, words):
    with pytest.raises(kind, match=words):
        glimpses(lif, look)


def test_data_that_are_not_there_are_said_to_be_missing(lif, tmp_path):
    config = yaml.safe_load((lif / "config.yaml").read_text())
    other = resolved(composed(["dataset=mnist", f"data_dir={tmp_path}"]))
    shutil.copytree(lif, tmp_path / "run")
    (tmp_path / "run" / "config.yaml").write_text(
        yaml.safe_dump(config | {key: other[key] for key in ("dataset", "data_dir")})
    )
    seen, why = looking(Namespace(images=(0,), layers=(), neurons=()))(tmp_path / "run", None)
    assert seen == () and "the network cannot be looked into" in why
    assert str(tmp_path) in why and "train-images" in why


@pytest.fixture(scope="module")
def timed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("glimpses") / "timed"
    job(folder, *TIMED, "epochs=1", "timesteps=16", "evaluate.images=60")
    return folder


def test_spikes_of_a_network_of_spike_times_are_those_in_discrete_time(timed):
    found = glimpses(timed, Look(images=(0, 1), layers=("output",), neurons=(*range(10),)))
    run = snnexp.load(timed)
    batch = next(iter(run.session.test.in_order()))
    answers = found[0].answers, found[1].answers
    result = read_result(timed / "result.json").last
    finest = result.resolution[-1]
    assert found[0].timesteps == finest.timesteps == 16
    with clocked(run.network.body, finest.step, 16), torch.no_grad():
        times = run.network.encoder(batch.input, range(1), batch.keys)
        output = output_of(run.network.body, times, finest.step)
    for place, glimpse in enumerate(found):
        (band,) = glimpse.bands
        for neuron, spikes in zip(band.neurons, band.spikes, strict=True):
            step = float(output.outputs[place, neuron]) / finest.step
            assert spikes == ((round(step),) if step < 16.5 else ())
        label, first = int(output.decisions().label[place]), output.decisions().step[place]
        answer = run.session.class_names[label]
        assert first > 16 or answers[place][int(first) - 1 :] == (answer,) * (17 - int(first))
        assert glimpse.panels == ()


def test_an_analog_network_has_nothing_to_show(analog):
    with pytest.raises(ConfigError, match="of form analog, which has no spikes over time"):
        glimpses(analog, Look(images=(0,)))


@pytest.fixture
def shell(tmp_path) -> Iterator[Shell]:
    """A process that has not imported PyTorch."""
    shell = Shell(tmp_path)
    yield shell
    shell.close()


def test_a_report_and_its_plots_are_made_by_the_command_line(shell, lif, analog, tmp_path):
    runs = (str(lif), str(analog))
    assert shell("report", *runs, "-o", "quick.html", "--no-traces").code == 0 and not shell.torch
    assert shell("plot", runs[0], "layers", "-o", "layers.csv").code == 0 and not shell.torch
    told = shell("plot", *runs, "training", "-o", "training.csv")
    assert told.code == 2 and "No stage was trained for several epochs" in told.err
    code, _, err = shell("plot", runs[0], "raster", "-o", "x.svg", "--images", "a")
    assert code == 2 and "should be numbers from 0 on" in err
    assert shell("report", *runs, "-o", "r.html", "--images", "2").code == 0
    text = (tmp_path / "r.html").read_text()
    assert "Spikes for image 2" in text and "Potentials for image 2" in text and len(text) < 10**6
    assert "of form analog, which has no spikes over time" in text
    words = ("traces", "-o", "traces.svg", "--layers", "body.linear1", "--neurons", "4")
    assert shell("plot", runs[0], *words).code == 0
    drawn = (tmp_path / "traces.svg").read_text()
    assert "body.linear1" in drawn and "neuron 4" in drawn and "neuron 5" not in drawn
