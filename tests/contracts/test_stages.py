"""What every stage promises: the form and the norms of what it leaves, what it shows, what it
starts from, and that it is gone through again from a checkpoint to the same weights.
"""

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snnexp.configuration.build import component, factory, locate, takes
from snnexp.datasets.base import Split
from snnexp.datasets.batches import Batches
from snnexp.datasets.pixels import Pixels
from snnexp.finite import figures, require_finite
from snnexp.measure.by_form import ByForm
from snnexp.measure.evaluator import Evaluator
from snnexp.measure.timed_evaluator import TimedEvaluator
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import connections
from snnexp.runs import torchvision_weights
from snnexp.runs.checkpoint import Checkpoints
from snnexp.runs.torchvision_weights import Layer
from snnexp.runs.weights import load, save
from snnexp.stages.base import Outcome, Stage
from snnexp.track.muted import Muted
from snnexp.training.execution import Execution
from snnexp.training.session import Session
from tests.support import fake_run
from tests.support.composed import node
from tests.support.networks import blueprint, keys
from tests.support.options import build_option, options, settings, written

STAGES = options("stage")
FORMS = ("spiking", "analog", "timed")
TIMESTEPS = 4
SMALL: dict[str, Any] = {"architecture": ("mlp", {"widths": [10, 8]}), "norm": "batch"}
BARE = {"architecture": ("mlp", {"widths": [10], "bias": False}), "norm": "none"}
SPIKE_TIMES = ("spike_time", {"latest": 1.0})
FITTING: dict[str | None, dict[str, Any]] = {
    None: SMALL,
    "rates": {**SMALL, "neuron": ("if", {"amplitude": "threshold"})},
    "counts": {**SMALL, "neuron": "if"},
    "firing_rates": {**SMALL, "neuron": "lif"},
    "traces": {**BARE, "neuron": "lateral_lif", "readout": "rate"},
    "whole_numbers": {
        **BARE,
        "encoder": "count",
        "neuron": "signed_flush",
        "readout": ("potential", {"average": False}),
    },
    "times": {
        **SMALL,
        "norm": "none",
        "encoder": SPIKE_TIMES,
        "neuron": "constant_slope",
        "readout": "first_spike",
    },
}
"""A network for every code that a stage may read in spikes."""


@cache
def kind(name: str) -> type[Stage]:
    values = written("stage", name)  # of one that begins with another option: as composed
    return locate((values if "_target_" in values else node("stage", name))["_target_"])


def fitting(name: str) -> Blueprint:
    return blueprint(**FITTING[kind(name).code])


def activation(name: str) -> Any:
    """Makes the activations that the analog network before a stage has."""
    whole = kind(name).code == "whole_numbers"
    return factory(settings("activation", "rounded" if whole else "relu"))


def stage(name: str, **changes: Any) -> Stage:
    """The stage of an option, with few images, and the loss that goes with its form."""
    settled = node("stage", name)
    few = {"epochs": 0, "timesteps": TIMESTEPS, "samples": 8, "warm_up": 1}
    settled |= {key: few[key] for key in few if key in settled}
    if "loss" in settled and kind(name).form == "timed":
        settled["loss"] = settings("loss", "spike_time")
    return component({**settled, **changes})


def batches(count: int) -> Batches:
    """The first of a few images of noise."""
    draws = torch.Generator().manual_seed(5)
    images = torch.randint(0, 256, (40, 1, 8, 8), generator=draws, dtype=torch.uint8)
    labels = torch.randint(0, 10, (40,), generator=draws)
    split = Split(images[:count], labels[:count], torch.arange(count))
    return Batches(split, 10, Pixels([0.0], [1.0]), augmentation=None, device="cpu", seed=3)


def evaluator(form: str) -> ByForm:
    loss = build_option("loss", "spike_time" if form == "timed" else "cross_entropy")
    nothing_before = build_option("presimulation", "none")
    untimed = Evaluator(TIMESTEPS, TIMESTEPS, loss, torch.float32, nothing_before)
    timed = TimedEvaluator(TIMESTEPS, loss)
    return ByForm({"analog": untimed, "spiking": untimed, "timed": timed}, loss)


def session(name: str, checkpoints: Checkpoints | None = None) -> Session:
    return Session(
        blueprint=fitting(name),
        train=batches(40),
        validation=None,
        test=batches(16),
        evaluator=evaluator(kind(name).form),
        trackers=Muted(),
        device=torch.device("cpu"),
        precision=torch.float32,
        execution=Execution("default", 1, compile=False),
        selection="last",
        evaluate_every=1,
        checkpoints=Checkpoints() if checkpoints is None else checkpoints,
    )


def before(name: str) -> Network | None:
    """What a stage needs to start from, if it needs anything."""
    if kind(name).starts_from is None:
        return None
    torch.manual_seed(2)
    assert kind(name).starts_from == "analog", "build what the stage starts from here"
    return analog_network(fitting(name), activation(name))


def gone_through(name: str, checkpoints: Checkpoints | None = None, **changes: Any) -> Outcome:
    torch.manual_seed(1)
    return stage(name, **changes)("it", before(name), session(name, checkpoints))


@cache
def outcome(name: str) -> Outcome:
    """What a stage comes to without an epoch."""
    return gone_through(name)


def tensors(module: nn.Module) -> dict[str, Tensor]:
    """Those that a published layer has, by the last part of their names."""
    named = {key.rpartition(".")[2]: value for key, value in module.state_dict().items()}
    named.pop("num_batches_tracked", None)
    return named


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of a file of torchvision's, the layers of a network of the shape that is asked
    for.
    """

    theirs = analog_network(fitting("pretrained"))
    layers = [
        Layer(name, tensors(each.weights), tensors(each.norm))
        for name, each in connections(theirs).items()
    ]
    monkeypatch.setattr(torchvision_weights, "read", lambda model, version: {})
    monkeypatch.setattr(torchvision_weights, "layers", lambda model, state: layers)


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_a_class_states_what_its_kind_has(name):
    stated = kind(name)
    assert stated.form in FORMS and stated.starts_from in (None, *FORMS)
    assert isinstance(stated.trains, bool) and isinstance(stated.keeps_norms, bool)
    assert stated.code in FITTING


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_a_stage_that_trains_says_how_long_and_how(name):
    training = {"epochs", "optimizer", "scheduler"}  # a loss may be looked at without training
    taken = {argument for argument in training if takes(kind(name), argument)}
    assert taken == (training if kind(name).trains else set())
    assert takes(kind(name), "loss") or not kind(name).trains


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_a_fitting_network_has_no_obstacles(name):
    assert list(stage(name).obstacles(fitting(name), activation(name), "here")) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_an_untrained_network_has_the_form(name):
    network = stage(name).untrained(fitting(name))
    assert network.form == kind(name).form
    require_finite(network, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_what_it_leaves_has_the_form_and_the_norms_it_states(name):
    network = outcome(name).network
    norms = [connection.norm for connection in connections(network).values()]
    assert network.form == kind(name).form
    assert kind(name).keeps_norms == any(not isinstance(norm, nn.Identity) for norm in norms)


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_what_it_leaves_is_evaluated(name):
    of_it = session(name)
    evaluation = of_it.evaluator(outcome(name).network, of_it.test, count=True)
    assert 0 <= evaluation.accuracy <= 100 and evaluation.images == 16
    assert not [*figures([evaluation.loss, evaluation.tally.operations(), evaluation.shown])]


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_what_it_shows_fits_a_result(name):
    result = fake_run.stage().with_shown(outcome(name).shown)
    assert not [*figures(result.to_json())]


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_an_untrained_network_takes_the_weights_that_it_leaves(name, tmp_path):
    network, made = outcome(name).network, fitting(name)
    save(network, tmp_path / "weights.safetensors")
    again = load(
        lambda form: stage(name).untrained(made),
        tmp_path / "weights.safetensors",
        torch.device("cpu"),
    )
    batch = batches(6).sample(6)
    scores = [
        each.eval()(batch.input, range(TIMESTEPS), keys(6)).scores for each in (network, again)
    ]
    assert torch.equal(*scores)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in STAGES if kind(name).starts_from is not None])
def test_a_network_of_another_form_is_refused_with_a_stage_that_makes_the_right_one(name):
    network = before(name)
    for form in FORMS:
        network.form = form
        if form != kind(name).starts_from:
            with pytest.raises(ValueError, match=r"stage it: .*stage=\w+"):
                stage(name)("it", network, session(name))
    with pytest.raises(ValueError, match=r"stage it: .*stage=\w+"):
        stage(name)("it", None, session(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in STAGES if kind(name).trains])
def test_without_an_epoch_a_network_of_its_form_keeps_its_weights(name):
    learned = outcome(name).network
    warm = {"warm_up": 0} if "warm_up" in node("stage", name) else {}
    expected = {key: value.clone() for key, value in learned.state_dict().items()}
    found = stage(name, **warm)("it", learned, session(name)).network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_a_stage_that_had_ended_comes_to_the_same_from_its_checkpoint(name, tmp_path):
    epochs = {"epochs": 1} if kind(name).trains else {}
    checkpoints = Checkpoints(tmp_path, every=1, stages=["it"])
    assert checkpoints.enter("it") is None
    expected = gone_through(name, checkpoints, **epochs)
    weights = {key: value.clone() for key, value in expected.network.state_dict().items()}
    checkpoints.finish("it", expected.network, fake_run.stage().to_json(), "")
    resumed = Checkpoints(tmp_path, every=1, stages=["it"])
    assert resumed.enter("it") is not None
    found = gone_through(name, resumed, **epochs)
    assert found.network.state_dict().keys() == weights.keys()
    for key, value in found.network.state_dict().items():
        assert torch.equal(value, weights[key]), key
    assert found.shown == expected.shown
