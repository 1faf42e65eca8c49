"""Conversion against what it stands on: folding, thresholds, amplitudes, and rates that stand for
activations. All in float64.
"""

import math
import re
from functools import cache
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor, nn

from snnexp.cell import Over, streaming
from snnexp.conversion.balancing import Balancing
from snnexp.conversion.obstacles import conventional
from snnexp.conversion.thresholds import Thresholds, apply
from snnexp.conversion.units import driving, in_blocks, is_chain
from snnexp.datasets.batches import Batch, Batches
from snnexp.layers.analog import AnalogUnit
from snnexp.layers.spiking import SpikingUnit
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.network.transfer import fold_norms, transfer
from snnexp.results.stage import StageResult
from snnexp.track.trackers import evaluation_record
from snnexp.training.session import Session
from tests.support.converted import (
    AMPLITUDES,
    BARE,
    CNN,
    COUNT,
    MLP,
    PAD,
    PROJECTION,
    bounded,
    conversion,
    converted,
    correlation,
    outputs,
    plan,
    run,
    sample,
    thresholds,
    trained,
    trains,
)
from tests.support.fake_run import BLOCK
from tests.support.marks import case, soak
from tests.support.networks import blueprint, chunks, images, keys, seeded
from tests.support.options import build_option, options

pytestmark = pytest.mark.usefixtures("double")
GATES = ("efficientnet_b7", {"stem": 4, "widths": [4] * 7, "blocks": [1] * 7, "last": 4})


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [CNN, PAD, PROJECTION])
def test_rates_stand_for_clipped_activations(architecture):
    made, steps = plan(architecture, "batch"), 256
    analog = trained(analog_network(made))
    result = converted(made, analog, percentile=95.0)
    for name, threshold in thresholds(result).items():
        analog.get_submodule(name).register_forward_hook(
            lambda _, __, y, threshold=threshold: y.clamp(max=threshold)
        )
    activations = outputs(analog, AnalogUnit, 1)
    rates = {
        name: total / steps for name, total in outputs(result.network, SpikingUnit, steps).items()
    }
    assert rates.keys() == activations.keys() == thresholds(result).keys() and len(rates) >= 3
    for name, threshold in thresholds(result).items():
        assert (activations[name] == threshold).any() and correlation(
            rates[name], activations[name]
        ) > 0.99, name
        assert (rates[name] - activations[name]).abs().mean() < 0.05 * activations[name].mean(), (
            name
        )


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [CNN, PAD, PROJECTION])
def test_scores_converge_to_those_of_the_analog_network(architecture):
    made = plan(architecture, "batch")
    analog = trained(analog_network(made))
    expected = analog(images(COUNT).double(), range(1), keys(COUNT)).scores[0]
    scores = run(converted(made, analog, percentile=100.0).network, 512)
    errors = [
        float((scores[steps - 1] - expected).abs().max() / expected.std()) for steps in (8, 64, 512)
    ]
    assert errors[0] > errors[1] > errors[2] and errors[2] < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["batch", ("tdbn", {"threshold": 0.7})])
@pytest.mark.parametrize("architecture", [CNN, MLP, PAD, PROJECTION])
def test_folded_norms_do_what_the_norms_did(architecture, norm):
    analog = trained(analog_network(plan(architecture, norm)))
    names = [
        name
        for name, connection in connections(analog).items()
        if not isinstance(connection.norm, nn.Identity)
    ]
    expected = run(analog, 1)
    currents = {name: connections(analog)[name] for name in names}
    inputs = {
        name: torch.randn(2, 3, *input_shape(connection)) for name, connection in currents.items()
    }
    before = {name: connection(inputs[name]) for name, connection in currents.items()}
    fold_norms(analog)
    assert len(names) >= 2 and all(
        isinstance(connection.norm, nn.Identity) for connection in connections(analog).values()
    )
    torch.testing.assert_close(run(analog, 1), expected, rtol=0, atol=1e-10)
    for name, connection in currents.items():
        torch.testing.assert_close(connection(inputs[name]), before[name], rtol=0, atol=1e-10)


def input_shape(connection: nn.Module) -> tuple[int, ...]:
    layer = connection.layer
    if isinstance(layer, nn.Conv2d):
        return layer.in_channels, 8, 8
    return (
        (layer.in_features,)
        if isinstance(connection.before, nn.Identity)
        else (layer.in_features // 16, 4, 4)
    )


def test_a_norm_without_an_affine_form_cannot_be_folded():
    with pytest.raises(TypeError, match="BNTT.*norm=batch"):
        fold_norms(spiking_network(plan(CNN, "bntt")))


@pytest.mark.parametrize("threshold", [1.0, 0.7, 3.3])
@pytest.mark.parametrize("levels", [1, 4, 7, 32])
def test_half_a_threshold_at_the_start_makes_the_rounding_quantiser(levels, threshold):
    neuron = build_option(
        "neuron",
        "if",
        {"threshold": threshold, "initial_potential": 0.5, "amplitude": "threshold"},
        surrogate=build_option("surrogate", "arctan"),
    )
    z = threshold * (3 * torch.rand(1, 2000, generator=seeded(levels)) - 1)
    spikes = (Over(neuron.double())(z.expand(levels, 1, -1)) > 0).sum(0)
    theta = neuron.firing.threshold
    quantised = torch.floor(z * levels / theta + 0.5).clamp(0, levels)
    assert torch.equal(spikes.double(), quantised) and len(quantised.unique()) == levels + 1


@pytest.mark.slow
@pytest.mark.parametrize("share", [100.0, 99.0, 60.0])
def test_thresholds_are_percentiles_of_the_positive_activations(share):
    made = plan(CNN, "batch")
    analog = trained(analog_network(made))
    activations = outputs(analog, AnalogUnit, 1)
    result = converted(made, analog, percentile=share, scale=1.5, initial_potential=0.25)
    for name, unit in spiking_units(result.network).items():
        positive = sorted(value for value in activations[name].flatten().tolist() if value > 0)
        assert 0 < len(positive) < activations[name].numel()
        expected = 1.5 * positive[math.ceil(share / 100 * len(positive)) - 1]
        assert (
            thresholds(result)[name]
            == float(unit.neuron.firing.threshold)
            == pytest.approx(expected, rel=1e-12)
        )
        assert float(unit.neuron.firing.initial_potential) == pytest.approx(
            0.25 * expected, rel=1e-12
        )


def integrate(currents: Tensor, threshold: float, start: float) -> Tensor:
    """Unit spikes of integrate-and-fire neurons with soft reset, one step at a time."""
    potential, spikes = torch.full_like(currents[0], start), []
    for current in currents:
        potential = potential + current
        spikes.append((potential >= threshold).double())
        potential = potential - threshold * spikes[-1]
    return torch.stack(spikes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("share", "scale", "start"), [(100.0, 1.0, 0.0), (99.0, 0.7, 0.0), (95.0, 0.4, 0.5)]
)
def test_thresholds_from_spikes_are_found_layer_by_layer(share, scale, start):
    made, steps = plan(BARE, amplitude="unit"), 12
    analog = trained(analog_network(made))
    result = converted(
        made,
        analog,
        "snn_percentile",
        percentile=share,
        scale=scale,
        timesteps=steps,
        initial_potential=start,
    )
    first, second = (
        connections(analog)[f"body.linear{number}.connection"].layer for number in (1, 2)
    )
    currents = first(images(COUNT).double().flatten(1)).expand(steps, -1, -1)
    found = []
    for layer in (second, None):
        found.append(max(nearest_rank(current, share) for current in currents))
        spikes = integrate(
            currents, found[-1], start * found[-1]
        )  # by the threshold itself: it is scaled when all are known
        currents = layer(spikes) if layer is not None else currents
    assert list(thresholds(result).values()) == pytest.approx(
        [scale * each for each in found], rel=1e-12
    )
    assert [
        float(each.neuron.firing.threshold) for each in spiking_units(result.network).values()
    ] == pytest.approx([scale * each for each in found], rel=1e-12)


def nearest_rank(values: Tensor, share: float) -> float:
    ordered = sorted(values.flatten().tolist())
    return ordered[math.ceil(share / 100 * len(ordered)) - 1]


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["snn_max", "snn_percentile"])
def test_unit_spikes_behind_kept_weights_are_the_same_spikes_where_there_is_no_bias(rule):
    results = []
    analog = trained(analog_network(plan(BARE)))
    for each in AMPLITUDES:
        results.append(
            converted(plan(BARE, amplitude=each), analog, rule, initial_potential=0.3, timesteps=30)
        )
    carried, unit = (trains(result.network, 40) for result in results)
    product = 1.0
    for (name, threshold), factor in zip(
        thresholds(results[0]).items(), thresholds(results[1]).values(), strict=True
    ):
        product *= factor
        assert threshold == pytest.approx(product, rel=1e-9) and unit[name].any()
        torch.testing.assert_close(carried[name], unit[name] * threshold, rtol=1e-9, atol=0)
        assert results[1].shown["conversion"][name]["full_scale"] == pytest.approx(
            threshold, rel=1e-9
        )


@pytest.mark.slow
def test_the_analog_network_keeps_its_norms_and_weights():
    made = plan(CNN, "batch")
    analog = trained(analog_network(made))
    before = {name: value.clone() for name, value in analog.state_dict().items()}
    converted(made, analog)
    assert before.keys() == analog.state_dict().keys() and all(
        torch.equal(before[name], analog.state_dict()[name]) for name in before
    )


@pytest.mark.slow
def test_dropout_is_off_while_balancing():
    made = plan(("cnn", {"layers": ["6C3", "D0.5", "FC16"]}))
    analog = trained(analog_network(made))
    assert converted(made, analog.train()).shown == converted(made, analog.eval()).shown


def test_nothing_is_converted_without_an_analog_network():
    made = plan()
    for network in (None, spiking_network(made)):
        with pytest.raises(ValueError, match="stage convert: .*stage=ann"):
            converted(made, network)


@pytest.mark.slow
def test_transfer_refuses_another_network_and_copies_nothing():
    source, target = (
        analog_network(plan(CNN)),
        spiking_network(plan(("cnn", {"layers": ["6C3", "AP2", "FC16"]}))),
    )
    before = {name: value.clone() for name, value in target.state_dict().items()}
    with pytest.raises(RuntimeError, match="body.convolution2.connection"):
        transfer(source, target)
    assert all(torch.equal(value, before[name]) for name, value in target.state_dict().items())


def test_transfer_refuses_weights_of_another_size():
    with pytest.raises(RuntimeError, match="size mismatch"):
        transfer(
            analog_network(plan(MLP)),
            spiking_network(plan(("mlp", {**MLP[1], "widths": [20, 14]}))),
        )


@pytest.mark.slow
def test_transfer_refuses_to_lose_a_norm():
    with pytest.raises(RuntimeError, match="norm"):
        transfer(analog_network(plan(CNN, "batch")), spiking_network(plan(CNN)))


@pytest.mark.parametrize("folded", [True, False])
def test_transfer_brings_weights_and_norms(folded):
    made = plan(PROJECTION, "batch")
    source, target = trained(analog_network(made)), spiking_network(made)
    if folded:
        fold_norms(source)
    transfer(source, target)
    ours, theirs = connections(source), connections(target)
    assert all(
        torch.equal(value, theirs[name].state_dict()[key])
        for name in ours
        for key, value in ours[name].state_dict().items()
    )


# What is measured, and what it costs


def pair(made: Blueprint) -> tuple[Network, Network]:
    """A network to be converted and the one it comes from."""
    spiking, analog = spiking_network(made).eval(), trained(analog_network(made))
    transfer(analog, spiking)
    return spiking, analog


def measure(spiking: Network, analog: Network, rule: Any, **changes: Any) -> Thresholds:
    chosen = {
        "scale": 1.0,
        "initial_potential": 0.5,
        "block_threshold": None,
        "weights": "kept",
        **changes,
    }
    return Balancing(rule, **chosen).thresholds(spiking, analog, sample(COUNT))


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["snn_max", "ann_percentile"])
def test_no_layer_behind_the_measured_one_is_run(rule):
    spiking, analog = pair(plan(CNN))
    calls: list[str] = []
    for name, connection in [*connections(spiking).items(), ("output", spiking.output)]:
        connection.register_forward_hook(lambda _, __, ___, name=name: calls.append(name))
    changes = {"timesteps": 3} if rule == "snn_max" else {}
    measure(spiking, analog, build_option("threshold", rule, changes))
    names = list(connections(spiking))
    expected = (
        [name for last in range(1, len(names)) for name in names[:last]]
        if rule == "snn_max"
        else []
    )
    assert calls == expected and len(names) == 4  # all timesteps in one call


@pytest.mark.slow
def test_a_current_that_does_not_change_is_read_once():
    seen = []
    rule = Mock(spec=build_option("threshold", "snn_max"), spikes=True, timesteps=5)
    rule.after.side_effect = lambda threshold, values, about: seen.append(1) or 1.0
    measure(*pair(plan(CNN)), rule)
    assert len(seen) == 1 + 5 + 5  # direct input makes the first current the same at every timestep


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["snn_max", "ann_max"])
def test_weights_are_normalised_once_and_not_by_the_measurement(rule):
    spiking, analog = pair(plan(CNN, amplitude="unit"))
    before = {name: value.clone() for name, value in spiking.named_parameters()}
    made = build_option("threshold", rule)
    thresholds = measure(spiking, analog, made, weights="normalised", scale=0.5)
    assert all(torch.equal(value, before[name]) for name, value in spiking.named_parameters())
    apply(thresholds, spiking)
    assert set(thresholds.neurons.values()) == {1.0}
    spans = [1.0, *thresholds.spans.values(), 1.0]
    for place, (name, connection) in enumerate(connections(spiking).items()):
        expected = before[f"{name}.weights.0.weight"] * spans[place] / spans[place + 1]
        torch.testing.assert_close(connection.layer.weight, expected, rtol=1e-12, atol=0)
    assert place == 3 and list(thresholds.measured.values()) == pytest.approx(
        [2 * span for span in thresholds.spans.values()]
    )


@pytest.mark.slow
def test_nothing_is_left_of_the_measurement():
    made = plan(CNN, amplitude="threshold")
    net = converted(made, trained(analog_network(made)), "snn_max", timesteps=3).network
    assert (
        all(loop.states is None for loop in net.modules() if isinstance(loop, Over))
        and not net.training
    )
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    scores = net(images(COUNT).double(), range(2), keys(COUNT)).scores
    assert (
        torch.equal(scores, net(images(COUNT).double(), range(2), keys(COUNT)).scores)
        and scores.requires_grad
    )


@pytest.mark.slow
def test_a_bias_acts_at_every_timestep():
    made = plan(MLP)
    analog = trained(analog_network(made))
    first = connections(analog)["body.linear1.connection"].layer
    first.weight.zero_()
    first.bias.copy_(torch.linspace(-0.2, 0.9, 20))
    result = converted(made, analog, "ann_max", include_weights=False, initial_potential=0.5)
    counts = (trains(result.network, 24)["body.linear1"] > 0).sum(0)
    assert torch.equal(
        counts.double(),
        torch.floor(first.bias / 0.9 * 24 + 0.5 + 1e-9).clamp(0, 24).expand(COUNT, -1),
    )


# The report


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [CNN, PROJECTION])
def test_the_report_says_what_the_layers_do(architecture):
    made, steps = plan(architecture, "batch"), 9
    analog = trained(analog_network(made))
    result = converted(made, analog, percentile=80.0, timesteps=steps)
    spikes, activations = trains(result.network, steps), outputs(analog, AnalogUnit, 1)
    assert list(result.shown["conversion"]) == list(spiking_units(result.network))
    for name, told in result.shown["conversion"].items():
        counts, clipped = (
            (spikes[name] > 0).sum(0).double(),
            activations[name].clamp(max=told["threshold"]),
        )
        expected = {
            "threshold": float(spiking_units(result.network)[name].neuron.firing.threshold),
            "full_scale": told["threshold"],
            "rate": counts.mean(),
            "saturated": (counts >= steps - 1).double().mean(),
            "dead": (counts.sum(0) == 0).double().mean(),
            "correlation": correlation(counts, clipped),
            "mse": (counts * told["threshold"] / steps - clipped).square().mean(),
        }
        assert told == pytest.approx(
            {key: float(value) for key, value in expected.items()}, rel=1e-9, abs=1e-15
        )
        assert told["saturated"] > 0
    assert any(told["dead"] > 0 for told in result.shown["conversion"].values())


@pytest.mark.slow
def test_the_report_reaches_the_trackers():
    made = plan(CNN)
    block = {**BLOCK, "stage": "convert", **converted(made, trained(analog_network(made))).shown}
    record = evaluation_record(StageResult.from_json(block))
    assert (
        record["conversion/body.linear1/correlation"]
        == block["conversion"]["body.linear1"]["correlation"]
        > 0.5
    )
    assert sum(key.startswith("conversion/") for key in record) == 3 * 7


# Branches


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [PAD, PROJECTION])
def test_units_of_blocks_are_told_from_the_stem(architecture):
    net = spiking_network(plan(architecture))
    units = set(spiking_units(net))
    assert units - in_blocks(net) == {"body.stem"} and len(units) == 5 and not is_chain(net)
    assert (
        {len(driving(unit)) for unit in spiking_units(net).values()} == {1, 2}
        if architecture == PROJECTION
        else True
    )
    assert is_chain(spiking_network(plan(CNN))) and in_blocks(spiking_network(plan(CNN))) == set()


@pytest.mark.slow
@pytest.mark.parametrize("amplitude", AMPLITUDES)
@pytest.mark.parametrize("architecture", [PAD, PROJECTION])
def test_blocks_of_one_threshold_keep_shortcut_and_branch_at_one_scale(architecture, amplitude):
    made = plan((architecture[0], {**architecture[1], "bias": False}), amplitude=amplitude)
    analog = trained(analog_network(made))
    connections(analog)["body.stem.connection"].layer.weight.mul_(
        0.2
    )  # or activations exceed the blocks' threshold
    result = converted(made, analog, "snn_max", block_threshold=1.0, scale=3.0, timesteps=20)
    told = thresholds(result)
    assert {told[name] for name in in_blocks(result.network)} == {1.0} and told[
        "body.stem"
    ] not in (0.0, 1.0)
    assert max(layer["saturated"] for layer in result.shown["conversion"].values()) < 0.2
    expected = analog(images(COUNT).double(), range(1), keys(COUNT)).scores[0]
    scores = run(result.network, 1024)[-1]
    assert correlation(scores, expected) > 0.999
    gain = 1.0 if amplitude == "threshold" else told["body.stem"]
    assert float((gain * scores - expected).abs().max()) < 0.03 * float(expected.std())


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("rule", ["snn_max", "ann_percentile"])
def test_blocks_take_the_threshold_of_the_stem(rule, scale):
    made = plan(PAD)
    analog = trained(analog_network(made))
    told = thresholds(
        converted(made, analog, rule, block_threshold="stem", scale=scale, samples=20)
    )
    own = thresholds(converted(made, analog, rule, scale=scale, samples=20))
    assert set(told.values()) == {own["body.stem"]} and len(set(own.values())) == 5


@pytest.mark.slow
def test_without_a_stem_blocks_have_none_to_follow():
    net = spiking_network(plan(PAD))
    net.body.stem = nn.Identity()
    balancing = Balancing(build_option("threshold", "ann_percentile"), 1.0, 0.5, "stem", "kept")
    said = list(conventional(net, balancing, "here"))
    assert len(said) == 1 and re.search(
        "no layer stands before the blocks; set here.block_threshold=1.0", said[0]
    )


@pytest.mark.slow
def test_a_factor_acts_before_the_layers_behind_are_measured():
    made = plan(CNN)
    analog = trained(analog_network(made))
    whole, half = (
        thresholds(converted(made, analog, "snn_max", factor=factor)) for factor in (1.0, 0.5)
    )
    first, second, *_ = whole
    assert half[first] == 0.5 * whole[first]
    assert half[second] < 0.5 * whole[second]  # spikes carry half as much by then


# What cannot be converted


REFUSED: list[tuple[Any, dict[str, Any], dict[str, Any], str]] = [
    # Unit spikes would be off by the product of all thresholds.
    (
        {"neuron": "if"},
        {},
        {},
        (
            "neuron.amplitude: "
            ".*neuron.amplitude=threshold.*strategy.stages.convert.weights=normalised"
        ),
    ),
    (
        {"neuron": "if", "norm": "batch"},
        {"rule": "snn_max"},
        {},
        "biases and folded norms.*norm=none",
    ),
    ({"neuron": "if", "architecture": MLP}, {"rule": "snn_max"}, {}, "architecture.bias"),
    (
        {"neuron": "if", "architecture": (PAD[0], {**PAD[1], "bias": False})},
        {"rule": "snn_max"},
        {},
        "block_threshold=1.0",
    ),
    (
        {"neuron": "if", "architecture": PAD},
        {},
        {"weights": "normalised"},
        "shortcut has no weights",
    ),
    ({}, {}, {"weights": "normalised"}, "convert.weights=kept"),
    ({}, {}, {"block_threshold": 1.0}, "no residual blocks"),
    ({}, {}, {"block_threshold": "stem"}, "no residual blocks"),
    (
        {"neuron": "if", "architecture": (PAD[0], {**PAD[1], "bias": False})},
        {"rule": "snn_max"},
        {"block_threshold": "stem"},
        "spikes of different scales",
    ),
    ({"architecture": ("cnn", {"layers": ["6C3", "MP2", "FC8"]})}, {}, {}, "takes maxima.*AP2"),
    (
        {"architecture": ("cnn", {"layers": ["6C3", "MP2", "FC8"]}), "neuron": "switch"},
        {},
        {},
        "takes maxima.*neuron=few_spikes",
    ),
    ({"architecture": GATES}, {}, {}, "sigmoid of one timestep.*neuron=fitted_few_spikes"),
    ({"architecture": GATES, "neuron": ("few_spikes", {"window": 11})}, {}, {}, "neuron.window=12"),
    ({"architecture": ("cnn", {"layers": []})}, {}, {}, "hidden layer"),
    ({"norm": "bntt"}, {}, {}, "BNTT.*cannot be folded.*norm=batch"),
    ({"readout": "rate"}, {}, {}, "readout=potential"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("chosen", "rule", "changes", "words"), REFUSED)
def test_what_cannot_be_kept_is_refused_with_a_remedy(chosen, rule, changes, words):
    made = blueprint(
        **{"architecture": CNN, "neuron": ("if", {"amplitude": "threshold"}), **chosen}
    )
    if "norm" in chosen and chosen["norm"] == "bntt":
        analog = trained(analog_network(plan(CNN)))
    else:
        analog = trained(analog_network(made))
    with pytest.raises(ValueError, match=f"stage convert: .*{words}"):
        converted(made, analog, **rule, **changes)


def test_transfer_checks_every_shape_before_it_copies():
    source, target = (
        analog_network(plan(CNN, "batch")),
        spiking_network(plan(("cnn", {"layers": ["6C3", "AP2", "8C3", "FC17"]}), "batch")),
    )
    fold_norms(source)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    with pytest.raises(
        RuntimeError,
        match=r"linear1.connection.weights.0.weight: size mismatch, 16 x \d+ in the source, 17 x",
    ) as raised:
        transfer(source, target)
    assert "output" in str(raised.value) and "convolution" not in str(raised.value)
    after = target.state_dict()
    assert before.keys() == after.keys() and all(
        torch.equal(value, after[name]) for name, value in before.items()
    )


# A small network that has learned something


class Digits:
    """Eight by eight digits, the last 500 for testing."""

    def __init__(self) -> None:
        from sklearn.datasets import load_digits

        data = load_digits()
        self.images = torch.tensor(data.images[:, None] / 8 - 1)
        self.labels = torch.tensor(data.target)

    def sample(self, count: int) -> Batch:
        return Batch(self.images[:count], self.labels[:count], keys(count))

    @property
    def test(self) -> Batch:
        return Batch(self.images[-500:], self.labels[-500:], keys(500))


@cache
def digits() -> Digits:
    return Digits()


ENCODERS = ("direct", "poisson", "dct")


@cache
def learned(name: str, clipped: bool) -> tuple[Blueprint, Network]:
    """A network without biases trained on what the encoder has the analog form see."""
    made = blueprint(
        encoder=name,
        architecture=("mlp", {"widths": [40, 30], "bias": False}),
        neuron=("if", {"amplitude": "threshold"}),
    )
    if name == "dct":
        made.encoder.double().calibrate(digits().images[:500])
    net = bounded(made) if clipped else analog_network(made)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for step in range(150):
        places = torch.randint(1297, (100,), generator=seeded(step))
        optimizer.zero_grad()
        nn.functional.cross_entropy(
            net(digits().images[places], range(1), keys(100)).scores[0], digits().labels[places]
        ).backward()
        optimizer.step()
    return made, net.eval().requires_grad_(False)


def accuracies(net: Network, steps: int) -> Tensor:
    batch = digits().test
    with streaming(net):
        scores = torch.cat([net(batch.input, part, batch.keys).scores for part in chunks(steps, 8)])
    return 100 * (scores.argmax(-1) == batch.labels).double().mean(1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, rule",
    [
        (case if name == "direct" or rule == "ann_percentile" else soak)(name, rule)
        for name in ENCODERS
        for rule in options("threshold")
    ],
)
def test_every_encoder_with_every_rule_keeps_the_accuracy(name, rule):
    made, analog = learned(name, rule == "learned_clip")
    ann = float(accuracies(analog, 1)[0])
    session = Mock(
        spec=Session,
        blueprint=made,
        device=torch.device("cpu"),
        train=Mock(spec=Batches, batch_size=200, sample=digits().sample),
    )
    changes = {} if rule in ("snn_max", "snn_percentile") else {"initial_potential": 0.5}
    net = conversion(rule, samples=200, timesteps=32, **changes)("convert", analog, session).network
    snn = float(accuracies(net, 128)[-1])
    assert ann > 85 and ann - snn < (8.0 if name == "dct" else 2.0)


@pytest.mark.slow
def test_accuracy_grows_with_time_to_that_of_the_analog_network():
    made, analog = learned("direct", clipped=False)
    session = Mock(
        spec=Session,
        blueprint=made,
        device=torch.device("cpu"),
        train=Mock(spec=Batches, batch_size=200, sample=digits().sample),
    )
    result = conversion("ann_percentile", samples=1000, timesteps=512, initial_potential=0.0)(
        "convert", analog, session
    )
    found, ann = accuracies(result.network, 256), float(accuracies(analog, 1)[0])
    assert ann - float(found[-1]) < 0.5
    readings = found[[0, 1, 3, 7, 15, 31, 63, 127, 255]]
    assert (readings[1:] > readings[:-1] - 1.0).all() and readings[0] < readings[-1] - 10
    assert all(told["correlation"] > 0.99 for told in result.shown["conversion"].values())


# Neurons


RATES = {
    "lif": {"leak": 1.0, "reset": "soft", "amplitude": "threshold"},
    "signed": {"amplitude": "threshold"},
}
RATES |= {
    "burst": {"amplitude": "threshold"},
    "diet": {},
    "stdb": {},
    "if": {"order": "fire_before", "amplitude": "threshold"},
}


@pytest.mark.slow
@pytest.mark.parametrize("neuron", RATES)
def test_every_neuron_with_a_rate_can_be_converted(neuron):
    made = blueprint(architecture=CNN, norm="batch", neuron=(neuron, RATES[neuron]))
    weights = "kept" if RATES[neuron] else "normalised"
    report = converted(made, trained(analog_network(made)), weights=weights, timesteps=256).shown[
        "conversion"
    ]
    assert all(told["correlation"] > 0.99 and told["rate"] > 1 for told in report.values())


@pytest.mark.slow
@pytest.mark.parametrize("neuron", ["few_spikes", "switch", "time_to_first_spike"])
def test_neurons_with_a_window_are_compared_once_the_image_has_reached_them(neuron):
    made = blueprint(
        architecture=CNN,
        norm="batch",
        neuron=(neuron, {"window": 16}),
        readout=("window", {"window": 16}),
    )
    report = converted(made, trained(analog_network(made)), percentile=100.0, timesteps=64).shown[
        "conversion"
    ]
    assert all(told["correlation"] > 0.98 for told in report.values()) and len(report) == 3


@pytest.mark.slow
@pytest.mark.parametrize("neuron", ["few_spikes", "time_to_first_spike"])
def test_codes_of_one_window_can_be_converted_with_max_pools(neuron):
    architecture = ("cnn", {"layers": ["6C3", "MP2", "8C3", "FC16"]})
    made = blueprint(
        architecture=architecture,
        norm="batch",
        neuron=(neuron, {"window": 16}),
        readout=("window", {"window": 16}),
    )
    analog = trained(analog_network(made))
    result = converted(made, analog, percentile=100.0, timesteps=64)
    assert all(told["correlation"] > 0.98 for told in result.shown["conversion"].values())
    assert (
        correlation(
            run(result.network, 64)[-1],
            analog(images(COUNT).double(), range(1), keys(COUNT)).scores[0],
        )
        > 0.98
    )
