"""What a strategy brings to the default composition, and what a swapped option leaves behind."""

import pytest

from snnexp.composition.arranged import arranged
from snnexp.configuration.check import faults
from snnexp.jobs.folder import resolved
from tests.support.options import options


def said(*arguments: str) -> list[str]:
    return faults(resolved(arranged([*arguments]).config))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", options("strategy"))
def test_every_strategy_goes_with_the_default_composition(strategy):
    assert said(f"strategy={strategy}") == []


def test_needs_are_of_strategies_and_of_events():
    of_events = {"frames", *(f"frames_{strategy}" for strategy in options("strategy"))}
    assert set(options("needs")) <= set(options("strategy")) | of_events


@pytest.mark.slow
def test_what_a_user_has_chosen_wins_and_is_refused_in_words():
    composition = arranged(["strategy=conversion", "neuron=lif", "neuron.amplitude=unit"])
    assert composition.choices["neuron"] == "lif" and "needs" not in composition.choices
    assert composition.config.neuron.amplitude == "unit"
    (words, *_) = said("strategy=conversion", "neuron=lif")
    assert "conversion needs neurons without leak, got LIF; set neuron=if" in words


@pytest.mark.slow
def test_events_bring_their_encoder_and_that_of_a_strategy():
    plain = arranged(["dataset=digits_dvs"])
    assert plain.notices == ["dataset=digits_dvs brings encoder=frames"]
    both = arranged(["dataset=digits_dvs", "strategy=single_spike"])
    assert (both.choices["encoder"], both.choices["neuron"]) == ("first_event", "if_exp")
    assert both.config["dataset"]["frames"]["slicing"] == "first"
    (notice,) = both.notices
    assert notice.startswith("strategy=single_spike and dataset=digits_dvs bring ")
    typed = arranged(["dataset=digits_dvs", "encoder=direct"])
    assert typed.choices["encoder"] == "direct" and typed.notices == []
    (words,) = said("dataset=digits_dvs", "encoder=direct")
    assert words.endswith("set encoder=frames, which takes events")
    assert not arranged(["dataset=digits"]).notices


@pytest.mark.slow
def test_what_is_brought_for_another_option_falls_away():
    assert said("strategy=conversion", "neuron=signed") == []
    assert arranged(["strategy=mapping"]).config.encoder.latest == 1.0
    assert "latest" not in arranged(["strategy=mapping", "encoder=direct"]).config.encoder


@pytest.mark.slow
def test_an_experiment_has_chosen_itself():
    composition = arranged(["+experiment=digits_plif", "strategy=conversion"])
    assert composition.choices["neuron"] == "plif"
    assert not any("brings" in notice for notice in composition.notices)


@pytest.mark.slow
def test_keys_of_another_option_fall_away_and_what_stays_is_said():
    composition = arranged(["+experiment=cifar10_rmp_vgg16", "optimizer=adam"])
    assert composition.notices == [
        "optimizer=adam in place of sgd: falls away optimizer.momentum; "
        "stays optimizer.lr=0.05, optimizer.weight_decay=0.0001"
    ]
    assert "momentum" not in composition.config.optimizer
    assert said("+experiment=cifar10_conversion_resnet20", "encoder=direct") == []
    assert said("+experiment=digits_single_spike", "strategy=bptt")[0].startswith("loss: ")


@pytest.mark.slow
def test_a_key_of_the_users_own_stays():
    words = ["+experiment=cifar10_rmp_vgg16", "optimizer=adam", "optimizer.momentum=0.5"]
    composition = arranged(words)
    assert composition.config.optimizer.momentum == 0.5
    assert any(line.startswith("optimizer.momentum: ") for line in said(*words))


@pytest.mark.slow
def test_an_experiment_as_it_stands_is_left_as_it_is():
    words = ["+experiment=cifar10_rmp_vgg16", "optimizer=sgd", "neuron=if"]
    assert arranged(words).notices == [] and arranged(words[:1]).notices == []
    assert arranged(words).config.optimizer.momentum == 0.9
