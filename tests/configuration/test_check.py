"""The configuration check: every kind of mistake has its message, all are said at once, and what
passes can be built.
"""

import copy
import math
import random
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from snnexp.cli.job import resolved
from snnexp.configuration import build
from snnexp.configuration import check as checking
from snnexp.configuration.check import check
from snnexp.configuration.rules import RULES
from snnexp.errors import ConfigError
from snnexp.network.analog import analog_network
from snnexp.network.spiking import spiking_network
from tests.support.composed import Config, changed, configuration


def faults(config: Config) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        check(config)
    head, *lines = str(raised.value).split("\n")
    assert head == f"{len(lines)} problem{'s' * (len(lines) > 1)} in this configuration"
    assert all(line.startswith("  ") for line in lines)
    return [line.strip() for line in lines]


def fault(*changes: str, path: str = "") -> str:
    """The only fault of the default under these changes, or the only one of `path`."""
    lines = [line for line in faults(changed(configuration(), *changes)) if line.startswith(path)]
    assert len(lines) == 1, lines
    return lines[0]


def test_the_default_passes():
    check(configuration())


# Keys


def test_a_key_that_is_not_there_is_named_with_the_nearest():
    assert fault("timestep=1").startswith("timestep: no such key; did you mean 'timesteps'?")
    assert fault("evaluate.chunks=1") == "evaluate.chunks: no such key; did you mean 'chunk'?"
    assert fault("neuron.leek=0.3").startswith(
        "neuron.leek: LIF takes no such argument; did you mean 'leak'?"
    )
    assert "did you mean 'epochs'?" in fault("strategy.stages.train.epoch=3")
    assert "did you mean 'lr'?" in fault("strategy.stages.train.optimizer.lrr=3")


def test_where_nothing_is_near_all_are_listed():
    assert re.search("; there are [a-z_, ]*batch_size, ", fault("typo=1"))
    assert "there are scale, width" in fault("surrogate.abc=1")
    assert "there are stages" in fault("strategy.abc=1")


def test_a_key_of_the_wrong_kind_is_a_fault_not_a_crash():
    config = configuration()
    config[1] = 2
    config["neuron"][None] = 2
    assert [line.split(":")[0] for line in faults(config)] == ["1", "neuron.None"]


def test_a_leftover_of_another_option_can_be_taken_out():
    line = fault("neuron.time_constant=2.0")
    assert "~neuron.time_constant" in line


@pytest.mark.parametrize(
    "path",
    [
        "seed",
        "evaluate.chunk",
        "neuron.leak",
        "neuron",
        "strategy.stages.train.loss",
        "dataset.normalisation.std",
    ],
)
def test_a_key_that_is_missing_is_named(path):
    config = configuration()
    *parents, key = path.split(".")
    holder = config
    for parent in parents:
        holder = holder[parent]
    del holder[key]
    (line,) = faults(config)
    assert line.startswith(f"{path}: ") and ("missing" in line or "needs it" in line)


# Values

NUMBER = "expected a whole number >= 1, got "


@pytest.mark.parametrize(
    "change, message",
    [
        ("epochs=abc", "epochs: expected a whole number >= 0, got 'abc'"),
        ("batch_size=0", f"batch_size: {NUMBER}0"),
        ("batch_size=2.5", f"batch_size: {NUMBER}2.5"),
        ("batch_size=", f"batch_size: {NUMBER}None"),
        ("batch_size=''", f"batch_size: {NUMBER}''"),
        ("batch_size=true", f"batch_size: {NUMBER}True"),
        ("batch_size=[1]", f"batch_size: {NUMBER}[1]"),
        ("seed=-1", "seed: expected a whole number in [0, 2^63 - 1], got -1"),
        ("precision=float16", "precision: expected 'float32' or 'bfloat16', got 'float16'"),
        (
            "selection=best",
            "selection: expected 'last' or 'best_validation' or 'best_test', got 'best'",
        ),
        ("device=0", "device: expected a word, got 0"),
        ("evaluate.timesteps=0", f"evaluate.timesteps: {NUMBER}0"),
        ("evaluate=3", f"evaluate: expected a mapping with {', '.join(checking.EVALUATE)}, got 3"),
        (
            "reference=3",
            "reference: expected a mapping with rows, accuracy, timesteps, read_at, stages, got 3",
        ),
        ("neuron.leak=2", "neuron.leak: expected a number in [0, 1], got 2"),
        ("neuron.leak=.nan", "neuron.leak: expected a number in [0, 1], got nan"),
        ("neuron.threshold=0", "neuron.threshold: expected a number > 0, got 0"),
        ("neuron.threshold=.inf", "neuron.threshold: expected a number > 0, got inf"),
        ("neuron.leak=true", "neuron.leak: expected a number in [0, 1], got True"),
        ("neuron.reset=medium", "neuron.reset: expected 'hard' or 'soft', got 'medium'"),
        ("neuron.detach_reset=1", "neuron.detach_reset: expected true or false, got 1"),
        ("architecture.layers=3", "architecture.layers: expected a list of a word, got 3"),
        ("architecture.layers=[3]", "architecture.layers: expected a list of a word, got [3]"),
        ("optimizer.lr=-1", "optimizer.lr: expected a number in (0, 1e+30], got -1"),
        ("optimizer.lr=.nan", "optimizer.lr: expected a number in (0, 1e+30], got nan"),
        ("optimizer.betas=0.9", "optimizer.betas: expected a list of a number in [0, 1), got 0.9"),
        (
            "optimizer.betas=[0.9, 1.0]",
            "optimizer.betas: expected a list of a number in [0, 1), got [0.9, 1.0]",
        ),
        ("optimizer.amsgrad=1", "optimizer.amsgrad: expected true or false, got 1"),
        ("scheduler.T_max=-1", "scheduler.T_max: expected a whole number >= 0, got -1"),
        (
            "strategy.stages.train.gradient_clip=0",
            "strategy.stages.train.gradient_clip: expected a number > 0 or null, got 0",
        ),
        (
            "strategy.stages.train.optimizer.lr=a",
            "strategy.stages.train.optimizer.lr: expected a number in (0, 1e+30], got 'a'",
        ),
        ("strategy=3", "strategy: expected a mapping with stages, got 3"),
        ("strategy.stages={}", "strategy: expected a mapping with stages, got {'stages': {}}"),
        (
            "strategy.stages.train=3",
            "strategy.stages.train: expected a component with a _target_, got 3",
        ),
        ("neuron=3", "neuron: expected a component with a _target_, got 3"),
        ("neuron.leak='???'", "neuron.leak: a value is needed here; set neuron.leak=..."),
        ("optimizer.lr='???'", "optimizer.lr: a value is needed here; set optimizer.lr=..."),
        ("seed='???'", "seed: a value is needed here; set seed=..."),
    ],
)
def test_a_value_that_cannot_be_is_named_with_what_can(change, message):
    assert fault(change) == message


def test_a_whole_number_is_a_number(monkeypatch):
    monkeypatch.setattr(
        checking, "RULES", ()
    )  # they build, and the tests' own checker of types is stricter than Python
    check(changed(configuration(), "neuron.threshold=1", "optimizer.lr=1"))


def test_a_published_accuracy_may_be_unknown():
    check(
        changed(
            configuration(), "reference={rows: [t1-cifar10-57], accuracy: null, timesteps: null}"
        )
    )
    assert (
        fault("reference={rows: t1, accuracy: 3, timesteps: 2}")
        == "reference.rows: expected a list of a word, got 't1'"
    )


def test_a_reference_may_name_the_stage_that_stands_for_a_row():
    check(
        changed(
            configuration(),
            "reference={rows: [a], accuracy: null, timesteps: null, stages: {a: train}}",
        )
    )
    assert (
        fault("reference={rows: [a], accuracy: 3, timesteps: 2, stages: a}")
        == "reference.stages: expected a mapping, got 'a'"
    )


def test_what_leads_nowhere_is_a_fault_of_the_configuration():
    with pytest.raises(ConfigError, match=r"1 problem in this configuration\n.*'nowhere'"):
        resolved(OmegaConf.create({"timesteps": "${nowhere}"}))


def test_everything_is_said_at_once():
    changes = (
        "typo=1",
        "batch_size=abc",
        "neuron.leek=0.3",
        "neuron.leak=2",
        "optimizer.lr=-1",
        "surrogate._target_=os.system",
    )
    lines = faults(changed(configuration(), *changes))
    assert {line.split(":")[0] for line in lines} == {
        "typo",
        "batch_size",
        "neuron.leek",
        "neuron.leak",
        "optimizer.lr",
        "surrogate._target_",
    }
    assert len(lines) == 6


def test_rules_that_do_not_read_what_is_wrong_are_said_beside_it():
    conversion = changed(
        configuration(),
        "strategy=conversion",
        "batch_size=0",
        "typo=1",
        "neuron.leek=1",
        "encoder.rat=1",
    )
    del conversion["seed"]
    said = [line.split(":")[0] for line in faults(conversion)]
    assert said[:5] == ["typo", "seed", "batch_size", "encoder.rat", "neuron.leek"] and {
        "neuron",
        "neuron.reset",
    } <= set(said[5:])


@pytest.mark.parametrize(
    "wrong", ["neuron.reset=medium", "neuron.reset='???'", "neuron=3", "neuron._target_=os.system"]
)
def test_rules_that_read_what_is_wrong_are_left_for_later(wrong):
    config = changed(configuration(), "strategy=conversion", "synapse=alpha", "norm=bntt", wrong)
    said = [line.split(":")[0] for line in faults(config)]
    assert said[0] == wrong.partition("=")[0] and "norm" in said
    assert "neuron.reset" not in said[1:]


def test_what_stands_beside_a_superfluous_key_is_built():
    assert "not in the grammar" in fault(
        "neuron.leek=1", "architecture.layers=[8X3]", path="layer 1"
    )


def test_a_mistake_that_is_handed_on_is_said_once():
    config = changed(
        configuration(),
        "timesteps=0",
        "evaluate.timesteps=0",
        "strategy.stages.train.timesteps=0",
        "optimizer.lr=-1",
    )
    config["strategy"]["stages"]["train"]["optimizer"]["lr"] = -1
    assert [line.split(":")[0] for line in faults(config)] == ["timesteps", "optimizer.lr"]
    twice = changed(configuration(), "batch_size=0", "evaluate.batch_size=0")
    assert len(faults(twice)) == 2


def test_no_epochs_need_no_schedule():
    check(configuration("epochs=0"))
    check(configuration("strategy=ann", "epochs=0"))


# Targets


@pytest.fixture
def sentinel(tmp_path, monkeypatch) -> str:
    """The name of a module that leaves a mark when it is imported."""
    mark = tmp_path / "imported"
    (tmp_path / "sentinel_target.py").write_text(
        f"open({str(mark)!r}, 'w').close()\ndef Thing(): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "sentinel_target"
    assert not mark.exists() and "sentinel_target" not in sys.modules


@pytest.mark.parametrize(
    "path",
    ["neuron", "tracker", "optimizer", "strategy.stages.train", "strategy.stages.train.optimizer"],
)
def test_a_target_outside_the_allow_list_is_refused_and_not_imported(sentinel, path):
    line = fault(f"{path}._target_={sentinel}.Thing")
    assert line.startswith(
        f"{path}._target_: 'sentinel_target.Thing' is not allowed; a component for "
    )


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "snnexp",
        "snnexpert.neurons.lif.LIF",
        "torch.optim.Adam.step",
        "torch.load",
        "builtins.eval",
        "",
        "snnexp.files.atomic.write_text",  # would write a file
        "snnexp.configuration.build.import_module",  # would import anything
        "snnexp.cli.main.main",
        "snnexp.run.run",
    ],
)
def test_targets_that_do_more_than_build_a_component_are_refused(target):
    assert "is not allowed" in fault(f"encoder._target_='{target}'")


def test_a_component_is_named_where_it_is_defined():
    assert "is not defined there" in fault("encoder._target_=snnexp.encoders.dct.torch")
    assert "is not defined there" in fault("encoder._target_=snnexp.encoders.direct.Encoder")
    assert "is not defined there" in fault("encoder._target_=snnexp.encoders.direct")


@pytest.mark.parametrize(
    "target", ["snnexp.encoders.nowhere.Direct", "snnexp.encoders.direct.Nothing"]
)
def test_a_component_that_is_not_there_is_named(target):
    assert fault(f"encoder._target_={target}").startswith(
        f"encoder._target_: cannot load '{target}'"
    )


@pytest.mark.parametrize("target", ["3", "null", "[a]"])
def test_a_target_is_a_word(target):
    assert fault(f"encoder._target_={target}").startswith(
        "encoder: expected a component with a _target_"
    )


# Options that do not fit together

CONVERSION = ("strategy=conversion", "neuron=if", "neuron.amplitude=threshold")
DEEP = "architecture=resnet20"
ON_SPIKES = ("threshold=snn_max", "norm=none", "architecture.bias=false")
WINDOWS = (
    "strategy=conversion",
    "neuron=few_spikes",
    "readout=window",
    "timesteps=32",
    "evaluate.timesteps=32",
)
COUNTED = ("strategy=tandem", "neuron=if")
TRACED = (
    "strategy=low_pass",
    "neuron=lateral_lif",
    "readout=rate",
    "norm=none",
    "architecture.bias=false",
)
WHOLE = (
    "strategy=spikegrad",
    "neuron=signed_flush",
    "encoder=count",
    "norm=none",
    "readout.average=false",
    "architecture.bias=false",
)
TIMED = (
    "strategy=single_spike",
    "architecture=mlp",
    "neuron=if_exp",
    "encoder=spike_time",
    "readout=first_spike",
    "loss=spike_time",
    "norm=none",
)
RGB = "dataset=cifar10"
BY_RULE: list[tuple[str, tuple[str, ...], str, tuple[str, ...]]] = [
    ("device_exists", ("device=meta",), "cannot be used here", ()),
    ("device_exists", ("device=fpga",), "cannot be used here", ()),
    ("device_exists", ("device=cuda:99",), "cannot be used here", ()),
    ("device_exists", ("device=warp",), "cannot be used here", ()),
    (
        "encoder_takes_pixels",
        (RGB, "encoder=latency"),
        "pixels in [0, 1]",
        ("dataset.mean=[0.0, 0.0, 0.0]", "dataset.std=[1.0, 1.0, 1.0]"),
    ),
    (
        "encoder_takes_pixels",
        (RGB, "encoder=poisson", "encoder.signed=false"),
        "pixels in [0, 1]",
        ("encoder.signed=true", "encoder.rate_scale=3.0"),
    ),
    (
        "encoder_takes_pixels",
        ("encoder=latency", "dataset.mean=[0.5]"),
        "pixels in [0, 1]",
        ("dataset.mean=[0.0]",),
    ),
    (
        "encoder_takes_pixels",
        ("encoder=latency", "dataset.normalisation=null"),
        "dataset.normalisation does not say",
        ("encoder=poisson", "encoder.signed=true"),
    ),
    (
        "encoder_lasts",
        ("encoder=latency", "evaluate.timesteps=9"),
        "is made for 4 timesteps, the run needs 9",
        (),
    ),
    (
        "encoder_lasts",
        ("norm=bntt", "evaluate.timesteps=9"),
        "is made for 4 timesteps, the run needs 9",
        (),
    ),
    ("images_arrive_in_time", ("encoder=spike_time",), "are over before", ("encoder.step=1.0",)),
    (
        "images_arrive_in_time",
        ("encoder=count", "encoder.duration=9"),
        "sent for 9 timesteps, the run has 4",
        (),
    ),
    (
        "norms_see_several_values",
        ("batch_size=1", "architecture=mlp"),
        "a single value has no variance",
        ("batch_size=2",),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "encoder=count"),
        "conversion here reads rates",
        ("encoder=direct",),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "encoder=spike_time", "encoder.step=1.0"),
        "conversion here reads rates",
        ("encoder=direct",),
    ),
    (
        "schedule_has_epochs",
        ("strategy.stages.train.scheduler.T_max=0",),
        "trains for 20",
        ("strategy.stages.train.scheduler.T_max=20",),
    ),
    (
        "selection_has_a_split",
        ("selection=best_validation",),
        "needs a validation split",
        ("dataset.validation=100",),
    ),
    (
        "tracker_takes_the_names",
        ("tracker.project=team/vision",),
        "contains /",
        ("tracker.project=team-vision",),
    ),
    (
        "conversion_has_an_ann",
        ("neuron=if", "neuron.amplitude=threshold", "stage=conversion"),
        "right before it",
        ("strategy=conversion",),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION[:1], "neuron.reset=soft", "neuron.amplitude=threshold"),
        "neurons without leak",
        ("neuron.leak=1.0",),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "neuron=plif"),
        "neurons without leak",
        ("neuron=if", CONVERSION[2]),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "neuron=alpha"),
        "sets thresholds",
        ("neuron=if", CONVERSION[2]),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "synapse=alpha"),
        "synapse=instantaneous",
        ("synapse=instantaneous",),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "encoder=latency"),
        "conversion here reads rates",
        ("encoder=direct",),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "readout.leak=0.9"),
        "accumulates",
        ("readout.leak=1.0",),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION[:1], "neuron=first_spike"),
        "only the first is right",
        ("readout=first_spike",),
    ),
    (
        "conversion_resets_by_subtraction",
        (*CONVERSION, "neuron.reset=hard"),
        "subtraction",
        ("neuron.reset=soft",),
    ),
    (
        "conversion_overrides_the_neuron",
        (*CONVERSION, "neuron.threshold=0.5"),
        "0.5 would not count",
        ("neuron.threshold=1.0",),
    ),
    (
        "conversion_overrides_the_neuron",
        (*CONVERSION, "neuron.initial_potential=0.5"),
        "0.5 would not",
        ("neuron.initial_potential=0.0",),
    ),
    (
        "conversion_of_dct_reads_spikes",
        (*CONVERSION, "encoder=dct", *ON_SPIKES[1:]),
        "not those the ANN sees",
        ON_SPIKES,
    ),
    (
        "conversion_of_dct_reads_spikes",
        (*CONVERSION, "encoder=dct", ON_SPIKES[0]),
        "do not know the scale",
        ON_SPIKES,
    ),
    ("stages_fit_the_network", (*CONVERSION[:2],), "neuron.amplitude", ()),
    (
        "stages_fit_the_network",
        (*CONVERSION[:2],),
        "neuron.amplitude",
        ("strategy.stages.convert.weights=normalised",),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION[:2], ON_SPIKES[0], "norm=tdbn"),
        "folded norms",
        ("neuron.amplitude=threshold",),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION[:2], *ON_SPIKES[:2], "architecture.bias=true"),
        "biases",
        ON_SPIKES[2:],
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION[:2], *ON_SPIKES[:2], "architecture=resnet20", "architecture.bias=false"),
        "branches",
        ("strategy.stages.convert.block_threshold=1.0",),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION, "readout=rate"),
        "output neurons",
        ("readout=potential",),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION, "norm=batch_per_step"),
        "cannot be folded",
        ("norm=none",),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION, "norm=batch_per_step"),
        "cannot be folded",
        ("norm=tdbn",),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION, "architecture.layers=[8C3, MP2, FC8]"),
        "maxima",
        ("architecture.layers=[8C3, AP2, FC8]",),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION, "architecture=vgg5", "architecture.pooling=max"),
        "maxima",
        ("architecture.pooling=average",),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION, "threshold=learned_clip"),
        "ReLU has none",
        ("threshold=ann_max",),
    ),
    (
        "stages_fit_the_network",
        (
            *CONVERSION,
            "neuron=few_spikes",
            "readout=window",
            "timesteps=48",
            "evaluate.timesteps=48",
            "threshold=snn_max",
        ),
        "codes in time",
        ("threshold=ann_max",),
    ),
    (
        "stages_fit_the_network",
        (
            *CONVERSION,
            "neuron=few_spikes",
            "readout=window",
            "timesteps=48",
            "evaluate.timesteps=48",
            "calibration=light",
        ),
        "corrects rates",
        ("calibration=none",),
    ),
    (
        "stages_fit_the_network",
        (
            *CONVERSION,
            "neuron=diet",
            "calibration=advanced",
            "strategy.stages.convert.weights=normalised",
        ),
        "shares of their thresholds",
        ("calibration=light",),
    ),
    ("poisson_covers_pixels", (RGB, "encoder=poisson"), "saturate", ("encoder.rate_scale=3.0",)),
    (
        "per_step_norm_has_steps",
        ("strategy=ann", "stage=bptt", "norm=bntt"),
        "statistics per timestep",
        ("norm=batch",),
    ),
    (
        "norms_behind_neurons_have_spikes",
        ("strategy=ann", "norm=neunorm"),
        "stage train does without",
        (),
    ),
    (
        "norms_behind_neurons_have_spikes",
        (*CONVERSION, "norm=neunorm"),
        "trained through time",
        (),
    ),
    (
        "filters_before_weights_have_spikes",
        ("strategy=ann", "synapse=iir"),
        "stage train does not do",
        (),
    ),
    ("everything_builds", (DEEP, "norm=neunorm"), "several branches", ("norm=batch",)),
    ("everything_builds", (DEEP, "synapse=iir"), "branches meet", ("synapse=dual_exponential",)),
    (
        "everything_builds",
        ("synapse=iir", "synapse.rise=5.0"),
        "no response",
        ("synapse.rise=1.0",),
    ),
    (
        "presimulation_reads_potentials",
        ("presimulation=residual_potential",),
        "integrate-and-fire neurons, got LIF",
        ("neuron=if",),
    ),
    (
        "presimulation_reads_potentials",
        ("presimulation=offset_spikes", "neuron=if", "neuron.reset=hard"),
        "subtraction",
        (),
    ),
    (
        "presimulation_reads_potentials",
        ("presimulation=offset_spikes", "neuron=if", "neuron.order=fire_before"),
        "same step",
        (),
    ),
    (
        "presimulation_repeats_the_image",
        ("presimulation=residual_potential", "neuron=if", "encoder=latency"),
        "shows it once",
        (),
    ),
    (
        "presimulation_repeats_the_image",
        ("presimulation=offset_spikes", "neuron=if", "norm=bntt", "presimulation.timesteps=9"),
        "no statistics for 9",
        ("norm.timesteps=9",),
    ),
    (
        "some_neurons_are_not_trained",
        (*WINDOWS, "strategy=bptt"),
        "FewSpikes passes no gradient, but stage train",
        (),
    ),
    (
        "smooth_activations_have_their_neuron",
        (*WINDOWS, "activation=silu"),
        "do not stand for SiLU",
        (),
    ),
    (
        "windows_have_their_neurons",
        (*WINDOWS, CONVERSION[1], CONVERSION[2]),
        "IF neurons have none",
        (),
    ),
    (
        "windows_have_their_neurons",
        ("encoder=switch",),
        "LIF neurons have none",
        ("encoder=direct",),
    ),
    ("windows_agree", (*WINDOWS, "readout=potential"), "does not see where one ends", ()),
    ("windows_agree", (*WINDOWS, "readout.window=4"), "is 4, that of the neurons is 8", ()),
    ("windows_agree", (*WINDOWS, "readout.silent=1"), "leave 0 steps", ()),
    ("windows_agree", (*WINDOWS, "encoder=latency"), "the same in every window", ()),
    ("windows_agree", (*WINDOWS, "encoder=switch", "encoder.window=16"), "is 16", ()),
    (
        "windows_reach_the_output",
        (*WINDOWS, "evaluate.timesteps=36"),
        "(3 + 1) x 8 timesteps, got 36",
        (),
    ),
    (
        "late_neurons_reach_the_output",
        ("neuron=if", "neuron.order=fire_before", "evaluate.timesteps=3"),
        "within 3 timesteps",
        (),
    ),
    (
        "switches_cover_pixels",
        (*WINDOWS, "neuron=switch", "readout.silent=1", "encoder=switch", "dataset.std=[0.2]"),
        "pixels reach 5.00",
        ("dataset.std=[1.0]",),
    ),
    ("counts_stand_for_sums", (*COUNTED, "neuron=lif"), "integrate-and-fire", ("neuron=if",)),
    (
        "counts_stand_for_sums",
        (*COUNTED, "neuron.reset=hard"),
        "loses what is above",
        ("neuron.reset=soft",),
    ),
    (
        "counts_stand_for_sums",
        (*COUNTED, "neuron.order=fire_before", "timesteps=9"),
        "misses the last input",
        ("neuron.order=fire_after",),
    ),
    ("counts_stand_for_sums", (*COUNTED, "norm=bntt"), "the counts have none", ("norm=batch",)),
    (
        "passes_over_all_timesteps",
        (*COUNTED, "time_segments=auto"),
        "nothing to cut",
        ("time_segments=1",),
    ),
    (
        "passes_over_all_timesteps",
        (*COUNTED, "compile=true"),
        "a compiler does not follow",
        ("compile=false",),
    ),
    (
        "passes_over_all_timesteps",
        (*COUNTED, "synapse=alpha"),
        "read without delay",
        ("synapse=instantaneous",),
    ),
    (
        "passes_over_all_timesteps",
        (*COUNTED, "readout.leak=0.5"),
        "no sum over time",
        ("readout.leak=1.0",),
    ),
    (
        "traces_have_their_neurons",
        (*TRACED, "neuron=lif"),
        "those of lateral_lif",
        ("neuron=lateral_lif",),
    ),
    (
        "traces_have_their_neurons",
        (*TRACED, "neuron.inhibition=1.0"),
        "below 1 only",
        ("neuron.inhibition=0.1",),
    ),
    (
        "traces_have_their_neurons",
        (*TRACED, "norm=batch"),
        "no place for what a norm adds",
        ("norm=none",),
    ),
    (
        "traces_have_their_neurons",
        (*TRACED, "readout=potential"),
        "that of its spikes",
        ("readout=rate",),
    ),
    ("whole_numbers_are_kept", (*WHOLE, "encoder=direct"), "go with count", ("encoder=count",)),
    (
        "whole_numbers_are_kept",
        (*WHOLE, "activation=relu"),
        "train on whole numbers",
        ("activation=rounded",),
    ),
    (
        "whole_numbers_are_kept",
        (*WHOLE, "readout.average=true"),
        "the sum stays",
        ("readout.average=false",),
    ),
    (
        "whole_numbers_are_kept",
        (*WHOLE, "architecture.layers=[8C3, MP2, FC8]"),
        "not that of counts",
        ("architecture.layers=[8C3, AP2, FC8]",),
    ),
    (
        "times_are_timed",
        ("loss=spike_time",),
        "only strategy=single_spike gives",
        ("loss=cross_entropy",),
    ),
    (
        "times_have_their_own_parts",
        (*TIMED, "encoder=direct"),
        "has no spike times",
        ("encoder=spike_time",),
    ),
    ("times_have_their_own_parts", (*TIMED, "norm=batch"), "has no spike times", ("norm=none",)),
    (
        "times_have_their_own_parts",
        (*TIMED, "precision=bfloat16"),
        "need float32",
        ("precision=float32",),
    ),
    ("published_weights_fit", ("strategy=ann", "stage=pretrained"), "", ("stage=ann",)),
    (
        "starts_see_the_same_images",
        ("strategy=ann", "strategy.stages.train.start=nowhere"),
        "finished run",
        ("strategy.stages.train.start=null",),
    ),
    (
        "everything_builds",
        ("architecture=vgg11",),
        "does not fit on a map of 1 x 1; use larger images",
        (RGB,),
    ),
    (
        "everything_builds",
        ("architecture.layers=[8X3]",),
        "not in the grammar",
        ("architecture.layers=[8C3]",),
    ),
    (
        "everything_builds",
        ("dataset.mean=[0.0, 0.0]",),
        "one number for each",
        ("dataset.mean=[0.0]",),
    ),
    ("everything_builds", ("dataset.std=[0.0]",), "give numbers > 0", ("dataset.std=[1.0]",)),
    (
        "everything_builds",
        ("encoder=dct", "encoder.block=9"),
        "use a smaller block",
        ("encoder.block=4",),
    ),
    (
        "everything_builds",
        ("encoder=latency", "encoder.curve=logarithmic", "encoder.threshold=0.0"),
        "curve=linear",
        ("encoder.curve=linear",),
    ),
    (
        "everything_builds",
        ("optimizer=sgd", "optimizer.nesterov=true", "optimizer.momentum=0"),
        "momentum",
        ("optimizer.momentum=0.9",),
    ),
    (
        "everything_builds",
        ("optimizer.betas=[0.9]",),
        "cannot be built",
        ("optimizer.betas=[0.9, 0.99]",),
    ),
    (
        "everything_builds",
        ("architecture=resnet20", "architecture.widths=[]"),
        "cannot be built",
        ("architecture.widths=[16]",),
    ),
]


MAPPED = (
    "strategy=mapping",
    "neuron=constant_slope",
    "readout=first_spike",
    "encoder=spike_time",
    "encoder.latest=1.0",
)
BY_RULE += [
    (
        "values_fit_their_window",
        ("strategy=mapping", "neuron=constant_slope", "readout=first_spike", "encoder=spike_time"),
        "nothing comes at the end of the window",
        (),
    ),
    (
        "windows_have_a_mapping",
        ("neuron=constant_slope",),
        "only in a network that is mapped",
        (MAPPED[0], *MAPPED[2:]),
    ),
    ("stages_fit_the_network", (*MAPPED, "activation=clip"), "Clip has no exact spike time", ()),
    (
        "training_keeps_the_mapping",
        (*MAPPED, "stage=single_spike", "strategy.stages.extra.form.clock=true"),
        "is not that of the mapped network",
        (),
    ),
    (
        "stages_fit_the_network",
        (*MAPPED, "architecture=resnet20"),
        "branches that meet have no range of their own",
        (),
    ),
    (
        "teachers_are_there",
        (
            "strategy=hybrid",
            "neuron=if",
            "neuron.amplitude=threshold",
            "strategy.stages.finetune.teacher=nobody",
        ),
        "no stage before leaves an analog network",
        (),
    ),
]


@pytest.mark.parametrize(
    "rule, changes, words, remedy",
    BY_RULE,
    ids=lambda each: each if isinstance(each, str) else None,
)
def test_options_that_do_not_fit_together_are_refused_and_the_remedy_helps(
    rule, changes, words, remedy
):
    config = changed(configuration(), *changes)
    (said,) = [each for each in RULES if each.__name__ == rule]
    own = list(said(config))
    assert len(own) == 1 and words in own[0]
    lines = faults(config)
    assert own[0] in lines
    advised = re.findall(r"[\w.]+=[^\s;,)]+", own[0].rpartition(";")[2])
    assert remedy or advised, "neither the message nor the table names a remedy"
    check(changed(config, *(remedy or advised[:1])))


def test_every_rule_is_tested():
    elsewhere = {
        "every_process_has_a_part",
        "tracker_takes_the_names",
        "orthogonal_steps_have_norms",
        "rates_are_of_layers",
        "encoder_takes_the_samples",
    }
    assert {rule.__name__ for rule in RULES} == {rule for rule, *_ in BY_RULE} | elsewhere


TIMED = [
    "strategy=single_spike",
    "neuron=if_exp",
    "encoder=spike_time",
    "readout=first_spike",
    "loss=spike_time",
    "norm=none",
]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([], "made for biases; set norm.learn_scale=false"),
        (
            ["norm=none"],
            (
                "needs a norm behind the weights, whose size it keeps; set norm=batch "
                "norm.learn_scale=false"
            ),
        ),
        (["norm=bntt"], "needs a norm behind the weights"),
        (TIMED, "have no norm behind them; set optimizer=adam"),
        (["+experiment=digits_low_pass", "~optimizer.momentum"], "have no norm behind them"),
        (["norm.learn_scale=false"], None),
        (["norm=tdbn", "norm.learn_scale=false"], None),
        (["strategy=ann", "norm.learn_scale=false"], None),
        (
            [
                "strategy=tandem",
                "+experiment=digits_tandem",
                "norm=batch",
                "norm.learn_scale=false",
            ],
            None,
        ),
    ],
)
def test_muon_wants_norms_that_take_sizes_out(changes, said):
    (rule,) = [each for each in RULES if each.__name__ == "orthogonal_steps_have_norms"]
    found = list(rule(configuration(*changes, "optimizer=muon")))
    assert len(found) == (said is not None) and all(said in each for each in found)


def test_muon_has_rates_of_its_own_for_every_layer():
    slow = "strategy.stages.train.linear_rate=0.1"
    config = configuration("optimizer=muon", "norm.learn_scale=false", slow)
    (said,) = faults(config)
    assert said.endswith("set strategy.stages.train.linear_rate=1.0")
    check(configuration("optimizer=muon", "norm.learn_scale=false"))
    check(configuration(slow))


def test_every_process_gets_a_part_of_a_batch(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert checking.faults(configuration("batch_size=2")) == [
        "batch_size: 3 processes share a batch of 2; set batch_size=3 or more"
    ]
    assert not checking.faults(configuration("batch_size=3"))


def test_several_rules_are_said_together():
    lines = faults(
        changed(
            configuration(),
            "strategy=conversion",
            "synapse=alpha",
            "norm=bntt",
            "selection=best_validation",
        )
    )
    assert [line.split(":")[0] for line in lines] == [
        "selection",
        "neuron",
        "synapse",
        "neuron.reset",
        "norm",
        "neuron.amplitude",
        "norm",
    ]


# What passes can be built

VALUES: list[Any] = [
    0,
    -1,
    1,
    2,
    7,
    2.5,
    0.5,
    -0.1,
    1e30,
    math.nan,
    math.inf,
    "abc",
    "",
    None,
    True,
    False,
    [],
    [1],
    [0.5],
    [None],
]
VALUES += [
    ["3C3"],
    ["AP9"],
    {},
    {"a": 1},
    "???",
    "os.system",
    "snnexp.encoders.base.Encoder",
    "snnexp.neurons.if_.IF",
    "cpu",
    "meta",
]
STARTS = [
    (),
    ("architecture=resnet20", "norm=tdbn", "readout=voting"),
    ("architecture=mlp", "encoder=latency", "norm=bntt", "scheduler=milestones", "optimizer=sgd"),
    ("architecture=vgg5", "encoder=dct", "loss=mse", "neuron=plif", "synapse=dual_exponential"),
    CONVERSION,
]


def paths(branch: Config, prefix: tuple = ()) -> Iterator[tuple]:
    for key, value in branch.items():
        yield (*prefix, key)
        if isinstance(value, dict):
            yield from paths(value, (*prefix, key))


def mutated(draw: random.Random) -> tuple[Config, str]:
    config = changed(configuration(), *draw.choice(STARTS))
    path = draw.choice(list(paths(config)))
    holder = config
    for key in path[:-1]:
        holder = holder[key]
    old = copy.deepcopy(holder[path[-1]])
    near = [old, *([old * 2, old + 1, old / 2] if type(old) in (int, float) else [])]
    action = draw.random()
    if action < 0.1:
        del holder[path[-1]]
        return config, f"without {path}"
    if action < 0.15:
        holder[f"{path[-1]}x"] = old
        return config, f"{path}x"
    holder[path[-1]] = draw.choice(VALUES if action < 0.6 else near)
    return config, f"{path}: {holder[path[-1]]!r}"


def built(config: Config) -> None:
    """What a run would build before it reads data."""
    dataset = build.component(config["dataset"])
    for stage in build.stages(config).values():
        if hasattr(stage, "schedule"):
            stage.schedule.scheduler(stage.schedule.optimizer([torch.zeros(1, requires_grad=True)]))
    build.component(config["tracker"])
    with torch.device("meta"):
        network = build.blueprint(config, dataset.shape, classes=10)
        spiking_network(network), analog_network(network)


@pytest.mark.soak
def test_a_changed_configuration_is_refused_or_can_be_built():
    draw, outcomes = random.Random(0), {"refused": 0, "built": 0}
    for _ in range(200):
        config, what = mutated(draw)
        try:
            check(config)
        except ConfigError as error:
            assert str(error).count("\n") >= 1, what
            outcomes["refused"] += 1
            continue
        except Exception as error:
            raise AssertionError(f"the check itself fails on {what}") from error
        try:
            built(config)
        except Exception as error:
            raise AssertionError(f"the check accepts {what}") from error
        outcomes["built"] += 1
    assert min(outcomes.values()) >= 40
