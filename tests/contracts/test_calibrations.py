"""What every calibration promises, and how much closer each brings a network to the analog one. All
in float64.
"""

import pytest
import torch
from torch import Tensor

from snnexp.calibrations.advanced_weights import starting_share
from snnexp.calibrations.base import Calibration
from snnexp.calibrations.light import Light
from snnexp.cell import Over
from snnexp.configuration.build import locate
from snnexp.layers.analog import AnalogUnit
from snnexp.network.analog import analog_network
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.runs.weights import load, save
from snnexp.stages.base import Outcome
from tests.support.converted import (
    BARE,
    CNN,
    MLP,
    PROJECTION,
    converted,
    outputs,
    plan,
    run,
    trained,
    trains,
)
from tests.support.networks import blueprint, untrained
from tests.support.options import options, settings

pytestmark = pytest.mark.usefixtures("double")
CALIBRATIONS = options("calibration")
CONVENTIONS = {
    "threshold": {"amplitude": "threshold", "weights": "kept"},
    "normalised": {"amplitude": "unit", "weights": "normalised"},
}
"""What a spike carries, and what becomes of the weights."""


def kind(name: str) -> type[Calibration]:
    return locate(settings("calibration", name)["_target_"])


def calibrated(name: str, analog: Network, convention: str = "threshold") -> Outcome:
    """`analog`, converted and calibrated for few timesteps, in few steps."""
    torch.manual_seed(1)
    chosen = dict(CONVENTIONS[convention])
    made = plan(MLP, amplitude=chosen.pop("amplitude"))
    few = {"iterations": 3, "learning_rate": 1e-3}
    changes = {key: few[key] for key in few if key in settings("calibration", name)}
    return converted(made, analog, calibration=name, timesteps=4, **chosen, **changes)


def network() -> Network:
    torch.manual_seed(0)
    return trained(analog_network(plan(MLP)))


def starts(net: Network) -> dict[str, Tensor]:
    """The potentials from which the neurons start."""
    return {name: unit.neuron.firing.initial_potential for name, unit in spiking_units(net).items()}


def heights(net: Network) -> dict[str, float]:
    return {name: float(unit.neuron.firing.threshold) for name, unit in spiking_units(net).items()}


@pytest.mark.slow
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("name", CALIBRATIONS)
def test_the_network_goes_on_giving_finite_scores(name, convention):
    outcome = calibrated(name, network(), convention)
    scores = run(outcome.network, 6)
    assert scores.isfinite().all() and scores[-1].std() > 0
    assert not outcome.network.training
    assert all(loop.states is None for loop in outcome.network.modules() if isinstance(loop, Over))
    assert not any(
        module._forward_hooks or module._forward_pre_hooks for module in outcome.network.modules()
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", CALIBRATIONS)
def test_the_analog_network_is_left_as_it_is(name):
    analog = network()
    before = {key: value.clone() for key, value in analog.state_dict().items()}
    calibrated(name, analog)
    after = analog.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


@pytest.mark.slow
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("name", CALIBRATIONS)
def test_thresholds_and_the_output_layer_are_not_corrected(name, convention):
    plain, better = (calibrated(each, network(), convention).network for each in ("none", name))
    assert heights(plain) == heights(better)
    (*_, ours), (*_, theirs) = connections(plain).values(), connections(better).values()
    assert torch.equal(ours.layer.weight, theirs.layer.weight)
    assert torch.equal(ours.layer.bias, theirs.layer.bias)


@pytest.mark.slow
@pytest.mark.parametrize("name", CALIBRATIONS)
def test_potentials_are_corrected_where_the_class_says_so(name):
    plain, better = (starts(calibrated(each, network()).network) for each in ("none", name))
    changed = [bool((start != better[key]).any()) for key, start in plain.items()]
    assert all(changed) if kind(name).corrects_potentials else not any(changed)


@pytest.mark.slow
@pytest.mark.parametrize("name", CALIBRATIONS)
def test_rates_are_corrected_where_the_class_says_so(name):
    plain, better = (run(calibrated(each, network()).network, 6) for each in ("none", name))
    assert torch.equal(plain, better) != kind(name).corrects_rates


@pytest.mark.slow
@pytest.mark.parametrize("name", CALIBRATIONS)
def test_the_same_seed_comes_to_the_same_network(name):
    one, other = (calibrated(name, network()).network.state_dict() for _ in range(2))
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[key]) for key, value in one.items())


def misses(result: Outcome, analog: Network, steps: int) -> list[Tensor]:
    """Mean activation minus mean of what the spikes stand for, per neuron, layer by layer."""
    activations = outputs(analog, AnalogUnit, 1)
    return [
        (activations[name] - train.sum(0) / steps).mean(0)
        for name, train in trains(result.network, steps).items()
    ]


def per_channel(miss: Tensor) -> Tensor:
    return miss.flatten(1).mean(1) if miss.dim() > 1 else miss


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [CNN, PROJECTION])
@pytest.mark.parametrize(
    ("calibration", "of"), [("light", per_channel), ("advanced", lambda miss: miss)]
)
def test_a_calibration_brings_the_means_together(calibration, of, architecture):
    made, steps = plan(architecture, "batch"), 4
    analog = trained(analog_network(made))
    changes = {"initial_potential": 0.0, "timesteps": steps, "include_weights": False}
    plain, better = (
        misses(converted(made, analog, "ann_max", each, **changes), analog, steps)
        for each in ("none", calibration)
    )
    assert len(plain) >= 3
    assert sum(of(miss).abs().mean() for miss in better) < 0.5 * sum(
        of(miss).abs().mean() for miss in plain
    )


@pytest.mark.slow
def test_a_calibration_of_the_weights_brings_every_layer_closer(monkeypatch):
    monkeypatch.setattr(Light, "__call__", lambda *_: None)
    made = plan(CNN, "batch")
    analog = trained(analog_network(made))
    changes = {"initial_potential": 0.0, "timesteps": 3}
    plain, fitted = (
        converted(made, analog, "mse", each, **more, **changes).shown["conversion"]
        for each, more in (
            ("none", {}),
            ("advanced_weights", {"iterations": 100, "learning_rate": 1e-3}),
        )
    )
    assert all(fitted[name]["mse"] < 0.6 * plain[name]["mse"] for name in plain)


@pytest.mark.slow
@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_a_calibrated_network_is_saved_and_loaded(tmp_path, calibration):
    made = blueprint(architecture=BARE, neuron=("if", {"amplitude": "threshold"}))
    changes = {"iterations": 2} if "iterations" in settings("calibration", calibration) else {}
    net = converted(
        made, trained(analog_network(made)), calibration=calibration, timesteps=4, **changes
    ).network
    save(net, tmp_path / "weights.safetensors")
    again = load(untrained(made), tmp_path / "weights.safetensors", torch.device("cpu"))
    assert (connections(net)["body.linear1.connection"].layer.bias is None) == (
        calibration == "none"
    )
    assert torch.equal(run(net, 6), run(again, 6))


@pytest.mark.parametrize("neuron", ["if", "diet", "stdb", "burst"])
def test_the_share_of_the_threshold_at_the_start_is_what_was_set(neuron):
    (unit, *_) = spiking_units(spiking_network(blueprint(neuron=neuron))).values()
    unit.neuron.set_threshold(2.5, 0.5)
    share = starting_share(unit.neuron, torch.zeros(1, 3), 2.5)
    assert share.tolist() == [[0.5] * 3]
