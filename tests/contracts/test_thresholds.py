"""What every rule for thresholds promises, and values of each by hand. All in float64."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snnexp.configuration.build import locate
from snnexp.errors import ConfigError
from snnexp.network.analog import analog_network
from snnexp.network.parts import analog_units, connections, spiking_units
from snnexp.thresholds.base import Layer, Rule
from snnexp.thresholds.nearest_rank import nearest_rank as percentile
from tests.support.converted import (
    AMPLITUDES,
    CNN,
    MLP,
    bounded,
    converted,
    plan,
    run,
    thresholds,
    trained,
    trains,
)
from tests.support.networks import seeded
from tests.support.options import build_option, options, settings

pytestmark = pytest.mark.usefixtures("double")
RULES = options("threshold")
MEASURED = [
    name for name in RULES if not locate(settings("threshold", name)["_target_"]).reads_bound
]


def rule(name: str) -> Rule:
    return build_option("threshold", name)


def drive(spikes: bool) -> Tensor:
    """Values `[B, C, H, W]` of a layer: activations, half of them zero, or currents, as many below
    zero.
    """
    values = torch.randn(6, 3, 4, 5, generator=seeded(1))
    return values if spikes else values.clamp(min=0)


def about(scale: float = 1.0) -> Layer:
    """A layer whose weights and bound are in one unit with its values."""
    return layer(
        activation=build_option("activation", "clip", {"clip": 0.6 * scale}),
        weights=(scale * torch.tensor([[0.2, -9.0]]),),
    )


@pytest.mark.parametrize("name", RULES)
def test_a_threshold_is_a_positive_number(name):
    made = rule(name)
    values = drive(made.spikes)
    threshold = made(values, about())
    assert isinstance(threshold, float) and 0 < threshold < float("inf")
    assert torch.equal(values, drive(made.spikes))  # which others read after it


@pytest.mark.parametrize("scale", [0.25, 8.0])
@pytest.mark.parametrize("name", RULES)
def test_a_threshold_is_in_the_unit_of_the_values(name, scale):
    made = rule(name)
    threshold = made(drive(made.spikes), about())
    assert made(scale * drive(made.spikes), about(scale)) == pytest.approx(
        scale * threshold, rel=1e-12
    )


@pytest.mark.parametrize("name", RULES)
def test_neither_order_nor_places_of_the_values_matter(name):
    made = rule(name)
    values = drive(made.spikes)
    mixed = values.flatten()[torch.randperm(values.numel(), generator=seeded(2))]
    assert made(mixed.view(12, 30), about()) == pytest.approx(made(values, about()), rel=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_a_layer_without_values_gets_no_threshold_but_a_bound(name):
    made, silent = rule(name), torch.zeros(6, 3)
    weightless = layer(
        activation=build_option("activation", "clip", {"clip": 0.6}), weights=(torch.zeros(2, 3),)
    )
    threshold = made(silent, weightless)
    assert threshold == pytest.approx(0.6) if made.reads_bound else threshold <= 0


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_reads_a_bound_reads_nothing_else_and_the_others_none(name):
    made = rule(name)
    wider = layer(activation=build_option("activation", "clip", {"clip": 1.2}))
    same = made(drive(made.spikes), wider) == made(drive(made.spikes), about())
    assert same != made.reads_bound
    if made.reads_bound:
        assert made(2 * drive(made.spikes), about()) == made(drive(made.spikes), about())


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_timesteps_add_up_from_a_threshold_of_zero(name):
    made = rule(name)
    values = drive(made.spikes)
    first = made.after(0.0, values, about())
    assert first == made(values, about())
    assert made.after(first, values * 0, about()) == first
    assert made.after(0.0, 2 * values, about(2.0)) == pytest.approx(2 * first)


@pytest.mark.parametrize("name", RULES)
def test_rules_on_spikes_say_how_long_they_measure(name):
    made = rule(name)
    assert not made.spikes or made.timesteps >= 1
    assert not (made.spikes and made.reads_bound)


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_weights_are_left_as_they_are_and_every_neuron_gets_its_threshold(name):
    made = plan(MLP)
    analog = trained(bounded(made))
    result = converted(made, analog, name, timesteps=6)
    ours, theirs = connections(analog), connections(result.network)
    for key, connection in theirs.items():
        assert torch.equal(connection.layer.weight, ours[key].layer.weight), key
        assert torch.equal(connection.layer.bias, ours[key].layer.bias), key
    found = {
        key: float(unit.neuron.firing.threshold)
        for key, unit in spiking_units(result.network).items()
    }
    assert found == thresholds(result) and all(each > 0 for each in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_the_size_of_batches_does_not_matter(name):
    made = plan(MLP)
    analog = trained(bounded(made))
    one, other = (converted(made, analog, name, timesteps=6, batch_size=size) for size in (1, 100))
    assert thresholds(one) == thresholds(other)
    for key, report in one.shown["conversion"].items():
        assert report == pytest.approx(other.shown["conversion"][key], rel=1e-9), key


# By hand


def layer(**changes: Any) -> Layer:
    given = {
        "name": "one",
        "place": 0,
        "activation": nn.ReLU(),
        "weights": (torch.tensor([[0.2, -9.0]]),),
        "initial_potential": 0.5,
    }
    return Layer(**{**given, **changes})


VALUES = torch.tensor([[0.0, 1.0, 2.0, 3.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.5]])


def test_percentile_is_the_nearest_rank():
    values = torch.tensor([5.0, 1.0, 4.0, 2.0, 3.0])
    assert [percentile(values, share) for share in (100.0, 80.1, 80.0, 60.0, 20.0, 0.1)] == [
        5,
        5,
        4,
        3,
        1,
        1,
    ]
    assert percentile(torch.tensor([1 / 3]), 50.0) == 1 / 3  # not rounded to single precision


@pytest.mark.parametrize(
    ("rule", "changes", "about", "expected"),
    [
        ("ann_max", {"include_weights": False}, {}, 4.0),
        ("ann_max", {"include_weights": True}, {}, 4.0),
        (
            "ann_max",
            {"include_weights": True},
            {"weights": (torch.tensor([1.0, 7.0]), torch.tensor([5.0]))},
            7.0,
        ),
        ("ann_max", {"include_weights": False}, {"weights": (torch.tensor([7.0]),)}, 4.0),
        ("ann_percentile", {"percentile": 80.0}, {}, 3.0),  # of five values that are not zero
        ("ann_percentile", {"percentile": 80.0, "decrement": 20.0}, {"place": 2}, 1.0),
        ("snn_max", {}, {}, 4.0),
        ("snn_percentile", {"percentile": 80.0}, {}, 2.0),  # zeros count
        (
            "learned_clip",
            {},
            {"activation": build_option("activation", "clip", {"clip": 1.5})},
            1.5,
        ),
        (
            "learned_clip",
            {},
            {"activation": build_option("activation", "qcfs", {"clip": 2.5})},
            2.5,
        ),
    ],
)
def test_rules_by_hand(rule, changes, about, expected):
    assert build_option("threshold", rule, changes)(VALUES, layer(**about)) == pytest.approx(
        expected, rel=1e-6
    )


@pytest.mark.parametrize(
    ("combination", "expected"),
    [("largest", [3.0, 3.0, 3.0, 3.0]), ("last_exceeding", [3.0, 2.0, 1.0, 1.0])],
)
def test_timesteps_count_by_the_largest_percentile_or_by_the_last_that_exceeds(
    combination, expected
):
    rule = build_option(
        "threshold", "snn_percentile", {"percentile": 50.0, "combination": combination}
    )
    threshold, found = 0.0, []
    for half, most in [(3.0, 10.0), (2.0, 5.0), (1.0, 2.5), (0.5, 0.9)]:
        threshold = rule.after(threshold, torch.tensor([[half, most]]), layer())
        found.append(threshold)
    assert found == expected


@pytest.mark.parametrize("start", [0.0, 0.5])
def test_the_mse_rule_finds_the_best_share(start):
    values = torch.rand(300, generator=seeded(3)).pow(4)[None]  # few are large
    found = build_option("threshold", "mse", {"timesteps": 4})(
        values, layer(initial_potential=start)
    )

    def error(threshold: float) -> float:
        counts = torch.floor(values * 4 / threshold + start).clamp(0, 4)
        return float((values - threshold * counts / 4).square().sum())

    tried = [float(values.max()) * share / 100 for share in range(6, 101)]
    assert (
        found == pytest.approx(min(tried, key=error), rel=1e-12)
        and tried[0] < found < 0.9 * tried[-1]
    )


def test_a_decrement_that_leaves_nothing_is_refused():
    with pytest.raises(ConfigError, match="layer one: .*lower decrement"):
        build_option("threshold", "ann_percentile", {"decrement": 50.0})(VALUES, layer(place=2))


@pytest.mark.slow
def test_a_bound_that_no_activation_has_learned_is_refused():
    made = plan()
    with pytest.raises(ConfigError, match="ReLU has none.*activation=qcfs"):
        converted(made, trained(analog_network(made)), "learned_clip")


@pytest.mark.slow
def test_percentiles_of_more_values_than_quantile_takes():
    values = torch.arange(2**24 + 1, dtype=torch.float32).flip(0)
    assert percentile(values, 50.0) == 2**23


# From 0 the current that became the threshold would meet it exactly, or miss it by rounding.
@pytest.mark.slow
@pytest.mark.parametrize("rule", options("threshold"))
@pytest.mark.parametrize(("start", "scale"), [(0.5, 1.0), (0.3, 0.7)])
def test_normalised_weights_make_the_same_spikes_as_spikes_of_the_threshold(rule, start, scale):
    settings, steps = {"initial_potential": start, "scale": scale, "timesteps": 20}, 40
    carried, unit = (plan(CNN, "batch", amplitude=each) for each in AMPLITUDES)
    analog = trained(bounded(carried))
    for place, each in enumerate(analog_units(analog).values()):
        each.activation.w.fill_(0.5 + place / 10)
    balanced, normalised = (
        converted(carried, analog, rule, **settings),
        converted(unit, analog, rule, weights="normalised", **settings),
    )
    assert (
        set(thresholds(normalised).values()) == {1.0}
        and len(set(thresholds(balanced).values())) == 3
    )
    ours, theirs = trains(balanced.network, steps), trains(normalised.network, steps)
    for name, threshold in thresholds(balanced).items():
        assert 0 < theirs[name].count_nonzero() < theirs[name].numel() and set(
            theirs[name].unique().tolist()
        ) == {0.0, 1.0}
        torch.testing.assert_close(ours[name], theirs[name] * threshold, rtol=1e-12, atol=0)
    torch.testing.assert_close(
        run(balanced.network, steps), run(normalised.network, steps), rtol=0, atol=1e-9
    )
    for name, layer in balanced.shown["conversion"].items():
        assert normalised.shown["conversion"][name] | {"threshold": 0} == pytest.approx(
            layer | {"threshold": 0}, rel=1e-6, abs=1e-12
        )


@pytest.mark.slow
@pytest.mark.parametrize("rule", MEASURED)
def test_a_silent_layer_is_named(rule):
    made = plan(MLP)
    analog = trained(analog_network(made))
    connections(analog)["body.linear2.connection"].layer.bias.fill_(-100.0)
    reads_weights = "include_weights" in settings("threshold", rule)
    activations_alone = {"include_weights": False} if reads_weights else {}
    with pytest.raises(ConfigError, match=r"layer body\.linear2 is silent"):
        converted(made, analog, rule, timesteps=3, **activations_alone)
