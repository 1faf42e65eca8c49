"""The configuration check: every kind of mistake has its message, which names a key and a remedy,
all are said at once, and what passes can be built. The wording of the messages stands in
messages.txt.
"""

import copy
import math
import os
import random
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from omegaconf import OmegaConf

from snnexp.cli.job import resolved
from snnexp.configuration import build
from snnexp.configuration import check as checking
from snnexp.configuration.check import check
from snnexp.configuration.rules import RULES
from snnexp.errors import ConfigError
from snnexp.files import hints
from snnexp.network.analog import analog_network
from snnexp.network.spiking import spiking_network
from tests.support.composed import Config, changed, configuration

pytestmark = pytest.mark.slow


def faults(config: Config) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        check(config)
    head, *lines = str(raised.value).split("\n")
    assert head == f"{len(lines)} problem{'s' * (len(lines) > 1)} in this configuration"
    assert all(line.startswith("  ") for line in lines)
    return [line.strip() for line in lines]


@cache
def said(*changes: str) -> tuple[str, ...]:
    """All faults of the default under these changes."""
    return tuple(faults(changed(configuration(), *changes)))


def fault(*changes: str, path: str = "") -> str:
    """The only fault of the default under these changes, or the only one of `path`."""
    lines = [line for line in said(*changes) if line.startswith(path)]
    assert len(lines) == 1, lines
    return lines[0]


def key_of(message: str) -> str:
    """The key that a message is about, with which it begins; empty where it is about none."""
    key = re.match(r"[\w.]+(?=: )", message)
    return key[0] if key else ""


def settings_of(message: str) -> list[str]:
    """What a message tells to set: `key=value` in its last part."""
    return re.findall(r"[\w.]+=[^\s;,)]+", message.rpartition(";")[2])


def test_the_default_passes():
    check(configuration())


# Keys


UNKNOWN = [
    ("timestep=1", "'timesteps'"),
    ("evaluate.chunks=1", "'chunk'"),
    ("neuron.leek=0.3", "'leak'"),
    ("strategy.stages.train.epoch=3", "'epochs'"),
    ("strategy.stages.train.optimizer.lrr=3", "'lr'"),
    ("typo=1", " batch_size, "),
    ("surrogate.abc=1", "scale, width"),
    ("strategy.abc=1", "stages"),
]
"""Keys that are not there, and the nearest; all where none is near."""


@pytest.mark.parametrize(("change", "near"), UNKNOWN)
def test_a_key_that_is_not_there_is_named_with_the_nearest_or_all(change, near):
    message = fault(change)
    assert key_of(message) == change.partition("=")[0]
    assert near in message


def test_a_key_of_the_wrong_kind_is_a_fault_not_a_crash():
    config = configuration()
    config[1] = 2
    config["neuron"][None] = 2
    assert [line.split(":")[0] for line in faults(config)] == ["1", "neuron.None"]


LEFTOVER = "neuron.time_constant=2.0"


def test_a_leftover_of_another_option_can_be_taken_out():
    assert "~neuron.time_constant" in fault(LEFTOVER)


MISSING = (
    "seed",
    "evaluate.chunk",
    "neuron.leak",
    "neuron",
    "strategy.stages.train.loss",
    "dataset.normalisation.std",
)


@cache
def without(path: str) -> str:
    """The fault of the default where a key is missing."""
    config = configuration()
    *parents, key = path.split(".")
    holder = config
    for parent in parents:
        holder = holder[parent]
    del holder[key]
    (line,) = faults(config)
    return line


@pytest.mark.parametrize("path", MISSING)
def test_a_key_that_is_missing_is_named(path):
    assert key_of(without(path)) == path


# Values

WRONG = [
    "epochs=abc",
    "batch_size=0",
    "batch_size=2.5",
    "batch_size=",
    "batch_size=''",
    "batch_size=true",
    "batch_size=[1]",
    "seed=-1",
    "precision=float16",
    "selection=best",
    "device=0",
    "evaluate.timesteps=0",
    "evaluate=3",
    "reference=3",
    "neuron.leak=2",
    "neuron.leak=.nan",
    "neuron.threshold=0",
    "neuron.threshold=.inf",
    "neuron.leak=true",
    "neuron.reset=medium",
    "neuron.detach_reset=1",
    "architecture.layers=3",
    "architecture.layers=[3]",
    "optimizer.lr=-1",
    "optimizer.lr=.nan",
    "optimizer.betas=0.9",
    "optimizer.betas=[0.9, 1.0]",
    "optimizer.amsgrad=1",
    "scheduler.T_max=-1",
    "strategy.stages.train.gradient_clip=0",
    "strategy.stages.train.optimizer.lr=a",
    "strategy=3",
    "strategy.stages={}",
    "strategy.stages.train=3",
    "neuron=3",
]
OPEN = ["neuron.leak='???'", "optimizer.lr='???'", "seed='???'"]
"""Values that have to be set."""


@pytest.mark.parametrize("change", WRONG)
def test_a_value_that_cannot_be_is_named_with_what_can(change):
    path, _, text = change.partition("=")
    message = fault(change)
    assert path.removesuffix(".stages") == key_of(message)
    assert hints.shown(yaml.safe_load(text)) in message
    assert message.startswith(f"{key_of(message)}: expected ")


@pytest.mark.parametrize("change", OPEN)
def test_a_value_that_is_needed_is_to_be_set(change):
    path = change.partition("=")[0]
    assert key_of(fault(change)) == path
    assert settings_of(fault(change)) == [f"{path}=..."]


def test_a_whole_number_is_a_number(monkeypatch):
    monkeypatch.setattr(
        checking, "RULES", ()
    )  # they build, and the tests' own checker of types is stricter than Python
    check(changed(configuration(), "neuron.threshold=1", "optimizer.lr=1"))


WRONG_ROWS = "reference={rows: t1, accuracy: 3, timesteps: 2}"
WRONG_STAGES = "reference={rows: [a], accuracy: 3, timesteps: 2, stages: a}"


def test_a_published_accuracy_may_be_unknown():
    check(
        changed(
            configuration(), "reference={rows: [t1-cifar10-57], accuracy: null, timesteps: null}"
        )
    )
    assert key_of(fault(WRONG_ROWS)) == "reference.rows"


def test_a_reference_may_name_the_stage_that_stands_for_a_row():
    check(
        changed(
            configuration(),
            "reference={rows: [a], accuracy: null, timesteps: null, stages: {a: train}}",
        )
    )
    assert key_of(fault(WRONG_STAGES)) == "reference.stages"


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
    assert "8X3" in fault("neuron.leek=1", "architecture.layers=[8X3]", path="layer 1")


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
    assert key_of(line) == f"{path}._target_"
    assert "'sentinel_target.Thing'" in line


FORBIDDEN = (
    "os.system",
    "snnexp",
    "snnexpert.neurons.lif.LIF",
    "torch.optim.Adam.step",
    "torch.load",
    "builtins.eval",
    "''",
    "snnexp.files.atomic.write_text",  # would write a file
    "snnexp.configuration.build.import_module",  # would import anything
    "snnexp.cli.main.main",
    "snnexp.run.run",
)
ELSEWHERE = (
    "snnexp.encoders.dct.torch",
    "snnexp.encoders.direct.Encoder",
    "snnexp.encoders.direct",
)
"""What is defined in another module, or is none."""
ABSENT = ("snnexp.encoders.nowhere.Direct", "snnexp.encoders.direct.Nothing")

NO_WORDS = ("3", "null", "[a]")


@pytest.mark.parametrize("target", [*FORBIDDEN, *ELSEWHERE, *ABSENT])
def test_targets_that_do_not_name_a_component_are_refused(target):
    line = fault(f"encoder._target_={target}")
    assert key_of(line) == "encoder._target_"
    assert repr(target.strip("'")) in line


@pytest.mark.parametrize("target", NO_WORDS)
def test_a_target_is_a_word(target):
    assert key_of(fault(f"encoder._target_={target}")) == "encoder"


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
EVENTS = ("dataset=digits_dvs", "encoder=frames")
BY_RULE: list[tuple[str, tuple[str, ...], str, tuple[str, ...], tuple[str, ...]]] = [
    # a rule, changes that it refuses, the key it names, what it tells to set, and another remedy
    ("device_exists", ("device=meta",), "device", ("device=auto", "device=cpu"), ()),
    ("device_exists", ("device=fpga",), "device", ("device=auto", "device=cpu"), ()),
    ("device_exists", ("device=cuda:99",), "device", ("device=auto", "device=cpu"), ()),
    ("device_exists", ("device=warp",), "device", ("device=auto", "device=cpu"), ()),
    (
        "frames_last",
        (*EVENTS, "evaluate.timesteps=9"),
        "dataset.frames.timesteps",
        ("dataset.frames.timesteps=9",),
        (),
    ),
    (
        "frames_last",
        (*EVENTS, *CONVERSION, "threshold=snn_max"),
        "threshold.timesteps",
        ("threshold.timesteps=4",),
        (),
    ),
    (
        "frames_last",
        (*EVENTS, "encoder.drawn=3"),
        "encoder.drawn",
        ("encoder.drawn=4",),
        (),
    ),
    (
        "everything_builds",
        (*EVENTS, "encoder.drawn=5"),
        "encoder.drawn",
        ("encoder.drawn=4",),
        (),
    ),
    (
        "everything_builds",
        (*EVENTS, "dataset.augmentation.shift=16"),
        "augmentation.shift",
        ("dataset.augmentation.shift=15",),
        (),
    ),
    (
        "events_come_in_time",
        ("dataset=digits_dvs", "encoder=first_event", "timesteps=2"),
        "dataset.frames.timesteps",
        ("dataset.frames.timesteps=2",),
        (),
    ),
    (
        "first_events_are_times",
        (*EVENTS, "dataset.frames.slicing=first"),
        "dataset.frames.slicing",
        ("dataset.frames.slicing=number",),
        (),
    ),
    (
        "encoder_takes_the_samples",
        ("dataset=digits_dvs",),
        "encoder",
        ("encoder=frames",),
        (),
    ),
    (
        "encoder_takes_the_samples",
        ("encoder=frames",),
        "encoder",
        ("encoder=direct", "dataset=digits_dvs"),
        ("dataset=digits_dvs",),
    ),
    (
        "encoder_takes_the_samples",
        (*TIMED, "dataset=digits_dvs"),
        "encoder",
        ("encoder=first_event",),
        (),
    ),
    (
        "encoder_takes_the_samples",
        ("dataset=digits_dvs", "encoder=whitening"),
        "encoder",
        ("encoder=frames",),
        (),
    ),
    (
        "times_have_their_own_parts",
        (*TIMED, *EVENTS),
        "encoder",
        ("encoder=first_event",),
        (),
    ),
    (
        "fronts_see_the_image",
        ("strategy=analog_front", *EVENTS),
        "encoder",
        ("dataset=digits", "encoder=direct"),
        ("dataset=digits", "encoder=direct"),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "dataset=digits_dvs", "encoder=first_event"),
        "encoder",
        ("encoder=frames",),
        (),
    ),
    (
        "fronts_see_the_image",
        ("strategy=analog_front", "encoder=poisson"),
        "encoder",
        ("encoder=direct",),
        (),
    ),
    ("fronts_see_the_image", ("strategy=analog_front", "norm=bntt"), "norm", ("norm=batch",), ()),
    (
        "stages_fit_the_network",
        ("strategy=analog_front", "strategy.stages.train.front=3"),
        "strategy.stages.train.front",
        ("strategy.stages.train.front=1",),
        (),
    ),
    ("chances_are_read", ("loss=stochastic_softmax",), "loss", ("readout=stochastic_softmax",), ()),
    (
        "chances_are_read",
        ("loss=stochastic_softmax", "readout=stochastic_softmax", "readout.floor=0.5"),
        "readout.floor",
        ("readout.floor=0.001",),
        (),
    ),
    (
        "gradients_of_whole_sequences_are_not_cut",
        ("neuron=leak_corrected", "surrogate=fired", "time_segments=2"),
        "time_segments",
        ("time_segments=1", "memory=lean"),
        (),
    ),
    (
        "encoder_takes_pixels",
        (RGB, "encoder=latency"),
        "encoder",
        ("dataset.mean=[0.0]", "dataset.std=[1.0]", "encoder=poisson", "encoder.signed=true"),
        ("dataset.mean=[0.0, 0.0, 0.0]", "dataset.std=[1.0, 1.0, 1.0]"),
    ),
    (
        "encoder_takes_pixels",
        (RGB, "encoder=poisson", "encoder.signed=false"),
        "encoder",
        ("dataset.mean=[0.0]", "dataset.std=[1.0]", "encoder=poisson", "encoder.signed=true"),
        ("encoder.signed=true", "encoder.rate_scale=3.0"),
    ),
    (
        "encoder_takes_pixels",
        ("encoder=latency", "dataset.mean=[0.5]"),
        "encoder",
        ("dataset.mean=[0.0]", "dataset.std=[1.0]", "encoder=poisson", "encoder.signed=true"),
        (),
    ),
    (
        "encoder_takes_pixels",
        ("encoder=latency", "dataset.normalisation=null"),
        "encoder",
        ("encoder=poisson", "encoder.signed=true"),
        ("encoder=poisson", "encoder.signed=true"),
    ),
    (
        "encoder_lasts",
        ("encoder=latency", "evaluate.timesteps=9"),
        "encoder",
        ("encoder.timesteps=9",),
        (),
    ),
    (
        "encoder_lasts",
        ("norm=bntt", "evaluate.timesteps=9"),
        "norm",
        ("norm.timesteps=9",),
        (),
    ),
    ("images_arrive_in_time", ("encoder=spike_time",), "encoder.step", ("encoder.step=1.0",), ()),
    (
        "encoder_lasts",
        ("neuron=glif", "strategy=temporal_pruning"),
        "neuron",
        ("neuron.timesteps=20",),
        (),
    ),
    (
        "images_arrive_in_time",
        ("encoder=count", "encoder.duration=9"),
        "encoder.duration",
        ("encoder.duration=4",),
        (),
    ),
    (
        "norms_see_several_values",
        ("batch_size=1", "architecture=mlp"),
        "batch_size",
        ("batch_size=2", "norm=none"),
        (),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "encoder=count"),
        "encoder",
        ("encoder=direct",),
        (),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "encoder=spike_time", "encoder.step=1.0"),
        "encoder",
        ("encoder=direct",),
        (),
    ),
    (
        "schedule_has_epochs",
        ("strategy.stages.train.scheduler.T_max=0",),
        "strategy.stages.train.scheduler.T_max",
        ("strategy.stages.train.scheduler.T_max=20",),
        (),
    ),
    (
        "selection_has_a_split",
        ("selection=best_validation",),
        "selection",
        ("dataset.validation=N",),
        ("dataset.validation=100",),
    ),
    (
        "tracker_takes_the_names",
        ("tracker.project=team/vision",),
        "tracker.project",
        (),
        ("tracker.project=team-vision",),
    ),
    (
        "conversion_has_an_ann",
        ("neuron=if", "neuron.amplitude=threshold", "stage=conversion"),
        "strategy.stages.extra",
        ("stage=ann",),
        ("strategy=conversion",),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION[:1], "neuron.reset=soft", "neuron.amplitude=threshold"),
        "neuron",
        ("neuron=if",),
        ("neuron.leak=1.0",),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "neuron=plif"),
        "neuron",
        ("neuron=if",),
        ("neuron=if", CONVERSION[2]),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "neuron=alpha"),
        "neuron",
        ("neuron=if",),
        ("neuron=if", CONVERSION[2]),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "synapse=alpha"),
        "synapse",
        ("synapse=instantaneous",),
        (),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "encoder=latency"),
        "encoder",
        ("encoder=direct",),
        (),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION, "readout.leak=0.9"),
        "readout",
        ("readout.leak=1.0",),
        (),
    ),
    (
        "conversion_has_rates",
        (*CONVERSION[:1], "neuron=first_spike"),
        "readout",
        ("readout=first_spike",),
        (),
    ),
    (
        "conversion_resets_by_subtraction",
        (*CONVERSION, "neuron.reset=hard"),
        "neuron.reset",
        ("neuron.reset=soft",),
        (),
    ),
    (
        "conversion_overrides_the_neuron",
        (*CONVERSION, "neuron.threshold=0.5"),
        "neuron.threshold",
        ("neuron.threshold=1.0",),
        (),
    ),
    (
        "conversion_overrides_the_neuron",
        (*CONVERSION, "neuron.initial_potential=0.5"),
        "neuron.initial_potential",
        ("neuron.initial_potential=0.0",),
        (),
    ),
    (
        "conversion_of_dct_reads_spikes",
        (*CONVERSION, "encoder=dct", *ON_SPIKES[1:]),
        "threshold",
        ("threshold=snn_percentile",),
        ON_SPIKES,
    ),
    (
        "conversion_of_dct_reads_spikes",
        (*CONVERSION, "encoder=dct", ON_SPIKES[0]),
        "norm",
        ("norm=none", "architecture.bias=false"),
        ON_SPIKES,
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION[:2],),
        "neuron.amplitude",
        ("neuron.amplitude=threshold", "strategy.stages.convert.weights=normalised"),
        (),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION[:2],),
        "neuron.amplitude",
        ("neuron.amplitude=threshold", "strategy.stages.convert.weights=normalised"),
        ("strategy.stages.convert.weights=normalised",),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION[:2], ON_SPIKES[0], "norm=tdbn"),
        "architecture.bias",
        ("neuron.amplitude=threshold", "norm=none", "architecture.bias=false"),
        (),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION[:2], *ON_SPIKES[:2], "architecture.bias=true"),
        "architecture.bias",
        ("neuron.amplitude=threshold", "norm=none", "architecture.bias=false"),
        ON_SPIKES[2:],
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION[:2], *ON_SPIKES[:2], "architecture=resnet20", "architecture.bias=false"),
        "architecture",
        ("neuron.amplitude=threshold", "strategy.stages.convert.block_threshold=1.0"),
        ("strategy.stages.convert.block_threshold=1.0",),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION, "readout=rate"),
        "readout",
        ("readout=potential",),
        (),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION, "norm=batch_per_step"),
        "norm",
        ("norm=batch",),
        ("norm=none",),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION, "norm=batch_per_step"),
        "norm",
        ("norm=batch",),
        ("norm=tdbn",),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION, "architecture.layers=[8C3, MP2, FC8]"),
        "architecture",
        ("architecture.pooling=average", "neuron=few_spikes"),
        ("architecture.layers=[8C3, AP2, FC8]",),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION, "architecture=vgg5", "architecture.pooling=max"),
        "architecture",
        ("architecture.pooling=average", "neuron=few_spikes"),
        (),
    ),
    (
        "stages_fit_the_network",
        (*CONVERSION, "threshold=learned_clip"),
        "threshold",
        ("activation=qcfs",),
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
        "threshold",
        ("threshold=ann_percentile",),
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
        "calibration",
        ("calibration=none",),
        (),
    ),
    (
        "stages_fit_the_network",
        (
            *CONVERSION,
            "neuron=diet",
            "calibration=advanced",
            "strategy.stages.convert.weights=normalised",
        ),
        "calibration",
        ("calibration=light",),
        (),
    ),
    (
        "poisson_covers_pixels",
        (RGB, "encoder=poisson"),
        "encoder.rate_scale",
        ("encoder.rate_scale=3.0",),
        (),
    ),
    (
        "poisson_covers_pixels",
        (RGB, "encoder=poisson", "encoder.rate_scale=1.9"),
        "encoder.rate_scale",
        ("encoder.rate_scale=3.0",),
        ("encoder.rate_scale=2.0",),
    ),
    (
        "per_step_norm_has_steps",
        ("strategy=ann", "stage=bptt", "norm=bntt"),
        "norm",
        ("norm=batch",),
        (),
    ),
    (
        "losses_of_currents_get_them",
        ("loss=temporal", "readout=rate"),
        "loss",
        ("readout=potential",),
        (),
    ),
    (
        "norms_behind_neurons_have_spikes",
        ("strategy=ann", "norm=neunorm"),
        "norm",
        ("norm=batch",),
        (),
    ),
    (
        "norms_behind_neurons_have_spikes",
        (*CONVERSION, "norm=neunorm"),
        "norm",
        ("norm=batch",),
        (),
    ),
    (
        "filters_before_weights_have_spikes",
        ("strategy=ann", "synapse=iir"),
        "synapse",
        ("synapse=instantaneous",),
        (),
    ),
    ("everything_builds", (DEEP, "norm=neunorm"), "norm", ("norm=batch", "architecture=cnn"), ()),
    (
        "everything_builds",
        (DEEP, "synapse=iir"),
        "synapse",
        ("synapse=dual_exponential", "architecture=cnn"),
        (),
    ),
    (
        "everything_builds",
        ("synapse=iir", "synapse.rise=5.0"),
        "synapse.rise",
        ("synapse.rise=1.0",),
        (),
    ),
    (
        "presimulation_reads_potentials",
        ("presimulation=residual_potential",),
        "presimulation",
        ("neuron=if",),
        (),
    ),
    (
        "presimulation_reads_potentials",
        ("presimulation=offset_spikes", "neuron=if", "neuron.reset=hard"),
        "neuron.reset",
        ("neuron.reset=soft",),
        (),
    ),
    (
        "presimulation_reads_potentials",
        ("presimulation=offset_spikes", "neuron=if", "neuron.order=fire_before"),
        "neuron.order",
        ("neuron.order=fire_after",),
        (),
    ),
    (
        "presimulation_repeats_the_image",
        ("presimulation=residual_potential", "neuron=if", "encoder=latency"),
        "encoder",
        ("encoder=direct", "encoder=poisson"),
        (),
    ),
    (
        "presimulation_repeats_the_image",
        ("presimulation=offset_spikes", "neuron=if", "norm=bntt", "presimulation.timesteps=9"),
        "presimulation.timesteps",
        ("norm.timesteps=9",),
        (),
    ),
    (
        "some_neurons_are_not_trained",
        (*WINDOWS, "strategy=bptt"),
        "neuron",
        ("strategy=conversion",),
        (),
    ),
    (
        "smooth_activations_have_their_neuron",
        (*WINDOWS, "activation=silu"),
        "activation",
        ("activation=relu", "neuron=fitted_few_spikes"),
        (),
    ),
    (
        "windows_have_their_neurons",
        (*WINDOWS, CONVERSION[1], CONVERSION[2]),
        "readout",
        ("neuron=few_spikes",),
        (),
    ),
    (
        "windows_have_their_neurons",
        ("encoder=switch",),
        "encoder",
        ("neuron=few_spikes",),
        ("encoder=direct",),
    ),
    ("windows_agree", (*WINDOWS, "readout=potential"), "readout", ("readout=window",), ()),
    ("windows_agree", (*WINDOWS, "readout.window=4"), "readout.window", ("readout.window=8",), ()),
    ("windows_agree", (*WINDOWS, "readout.silent=1"), "readout.silent", ("readout.silent=0",), ()),
    ("windows_agree", (*WINDOWS, "encoder=latency"), "encoder", ("encoder=direct",), ()),
    (
        "windows_agree",
        (*WINDOWS, "encoder=switch", "encoder.window=16"),
        "encoder.window",
        ("encoder.window=8",),
        (),
    ),
    (
        "windows_reach_the_output",
        (*WINDOWS, "evaluate.timesteps=36"),
        "evaluate.timesteps",
        ("evaluate.timesteps=32",),
        (),
    ),
    (
        "late_neurons_reach_the_output",
        ("neuron=if", "neuron.order=fire_before", "evaluate.timesteps=3"),
        "evaluate.timesteps",
        ("neuron.order=fire_after", "evaluate.timesteps=12"),
        (),
    ),
    (
        "switches_cover_pixels",
        (*WINDOWS, "neuron=switch", "readout.silent=1", "encoder=switch", "dataset.std=[0.2]"),
        "encoder",
        (),
        ("dataset.std=[1.0]",),
    ),
    ("counts_stand_for_sums", (*COUNTED, "neuron=lif"), "neuron", ("neuron=if",), ()),
    (
        "counts_stand_for_sums",
        (*COUNTED, "neuron.reset=hard"),
        "neuron.reset",
        ("neuron.reset=soft",),
        (),
    ),
    (
        "counts_stand_for_sums",
        (*COUNTED, "neuron.order=fire_before", "timesteps=9"),
        "neuron.order",
        ("neuron.order=fire_after",),
        (),
    ),
    ("counts_stand_for_sums", (*COUNTED, "norm=bntt"), "norm", ("norm=batch",), ()),
    (
        "firing_rates_have_one_norm",
        ("strategy=rate_based", "norm=tebn"),
        "norm",
        ("norm=batch",),
        (),
    ),
    (
        "stages_fit_the_network",
        ("strategy=rate_based", "neuron=plif"),
        "neuron",
        ("neuron=lif",),
        (),
    ),
    (
        "stages_fit_the_network",
        ("strategy=rate_based", "neuron=mpbn"),
        "neuron",
        ("neuron=lif",),
        (),
    ),
    (
        "selection_has_a_split",
        ("strategy.stages.train.patience=3",),
        "strategy.stages.train.patience",
        ("dataset.validation=N",),
        ("dataset.validation=100",),
    ),
    (
        "passes_over_all_timesteps",
        ("strategy=rate_based", "compile=true"),
        "compile",
        ("compile=false",),
        (),
    ),
    (
        "passes_over_all_timesteps",
        (*COUNTED, "time_segments=auto"),
        "time_segments",
        ("time_segments=1",),
        (),
    ),
    (
        "passes_over_all_timesteps",
        (*COUNTED, "compile=true"),
        "compile",
        ("compile=false",),
        (),
    ),
    (
        "passes_over_all_timesteps",
        (*COUNTED, "synapse=alpha"),
        "synapse",
        ("synapse=instantaneous",),
        (),
    ),
    (
        "passes_over_all_timesteps",
        (*COUNTED, "readout.leak=0.5"),
        "readout.leak",
        ("readout.leak=1.0",),
        (),
    ),
    (
        "traces_have_their_neurons",
        (*TRACED, "neuron=lif"),
        "neuron",
        ("neuron=lateral_lif",),
        (),
    ),
    (
        "traces_have_their_neurons",
        (*TRACED, "neuron.inhibition=1.0"),
        "neuron.inhibition",
        ("neuron.inhibition=0.1",),
        (),
    ),
    (
        "traces_have_their_neurons",
        (*TRACED, "norm=batch"),
        "norm",
        ("norm=none",),
        (),
    ),
    (
        "traces_have_their_neurons",
        (*TRACED, "readout=potential"),
        "readout",
        ("readout=rate",),
        (),
    ),
    ("whole_numbers_are_kept", (*WHOLE, "encoder=direct"), "encoder", ("encoder=count",), ()),
    (
        "whole_numbers_are_kept",
        (*WHOLE, "activation=relu"),
        "strategy.stages.train.activation",
        ("strategy=spikegrad",),
        ("activation=rounded",),
    ),
    (
        "whole_numbers_are_kept",
        (*WHOLE, "readout.average=true"),
        "readout.average",
        ("readout.average=false",),
        (),
    ),
    (
        "whole_numbers_are_kept",
        (*WHOLE, "architecture.layers=[8C3, MP2, FC8]"),
        "architecture.layers",
        (),
        ("architecture.layers=[8C3, AP2, FC8]",),
    ),
    (
        "times_are_timed",
        ("loss=spike_time",),
        "loss",
        ("loss=cross_entropy",),
        (),
    ),
    (
        "times_have_their_own_parts",
        (*TIMED, "encoder=direct"),
        "encoder",
        ("encoder=spike_time",),
        (),
    ),
    (
        "times_have_their_own_parts",
        (*TIMED, "encoder=poisson"),
        "encoder",
        ("encoder=spike_time",),
        (),
    ),
    ("times_have_their_own_parts", (*TIMED, "norm=batch"), "norm", ("norm=none",), ()),
    (
        "times_have_their_own_parts",
        (*TIMED, "precision=bfloat16"),
        "precision",
        ("precision=float32",),
        (),
    ),
    (
        "published_weights_fit",
        ("strategy=ann", "stage=pretrained"),
        "strategy.stages.extra",
        ("architecture=resnet34", "norm=batch"),
        ("stage=ann",),
    ),
    (
        "starts_see_the_same_images",
        ("strategy=ann", "strategy.stages.train.start=nowhere"),
        "strategy.stages.train.start",
        (),
        ("strategy.stages.train.start=null",),
    ),
    (
        "everything_builds",
        ("architecture=vgg11",),
        "",
        (),
        (RGB,),
    ),
    (
        "everything_builds",
        ("architecture.layers=[8X3]",),
        "",
        (),
        ("architecture.layers=[8C3]",),
    ),
    (
        "everything_builds",
        ("dataset.mean=[0.0, 0.0]",),
        "",
        (),
        ("dataset.mean=[0.0]",),
    ),
    ("everything_builds", ("dataset.std=[0.0]",), "", (), ("dataset.std=[1.0]",)),
    (
        "everything_builds",
        ("encoder=dct", "encoder.block=9"),
        "",
        (),
        ("encoder.block=4",),
    ),
    (
        "everything_builds",
        ("encoder=latency", "encoder.curve=logarithmic", "encoder.threshold=0.0"),
        "",
        ("curve=linear",),
        ("encoder.curve=linear",),
    ),
    (
        "everything_builds",
        ("optimizer=sgd", "optimizer.nesterov=true", "optimizer.momentum=0"),
        "",
        (),
        ("optimizer.momentum=0.9",),
    ),
    (
        "everything_builds",
        ("optimizer.betas=[0.9]",),
        "",
        (),
        ("optimizer.betas=[0.9, 0.99]",),
    ),
    (
        "everything_builds",
        ("architecture=resnet20", "architecture.widths=[]"),
        "",
        (),
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
        "encoder.latest",
        ("encoder.latest=1.0",),
        (),
    ),
    (
        "windows_have_a_mapping",
        ("neuron=constant_slope",),
        "neuron",
        ("strategy=mapping",),
        (MAPPED[0], *MAPPED[2:]),
    ),
    (
        "stages_fit_the_network",
        (*MAPPED, "activation=clip"),
        "strategy.stages.map",
        ("activation=relu",),
        (),
    ),
    (
        "training_keeps_the_mapping",
        (*MAPPED, "stage=single_spike", "strategy.stages.extra.form.clock=true"),
        "strategy.stages.extra.form.clock",
        ("strategy.stages.extra.form.clock=false",),
        (),
    ),
    (
        "stages_fit_the_network",
        (*MAPPED, "architecture=resnet20"),
        "strategy.stages.map",
        ("architecture=cnn",),
        (),
    ),
    (
        "stages_fit_the_network",
        ("strategy=surrogate_scale", "neuron=tssl", "synapse=exponential"),
        "neuron",
        ("neuron=if", "surrogate=fast_sigmoid"),
        ("neuron=lif",),
    ),
    (
        "stages_fit_the_network",
        ("strategy=surrogate_scale", "strategy.stages.scale.widths=[]"),
        "strategy.stages.scale.widths",
        ("strategy.stages.scale.widths=[0.05",),
        ("strategy.stages.scale.widths=[0.1,1.0]",),
    ),
    ("trains_are_there", ("loss=spike_train",), "readout", ("readout=rate",), ()),
    ("trains_are_there", ("loss=spike_train", "strategy=ann"), "loss", ("loss=cross_entropy",), ()),
    (
        "patterns_ask_for_a_spike",
        ("loss=spike_train", "readout=rate", "loss.pattern=[0,0,0,0,1]"),
        "loss.pattern",
        ("loss.pattern=[1]",),
        (),
    ),
    (
        "patterns_ask_for_a_spike",
        ("loss=spike_train", "readout=rate", "loss.pattern=[]"),
        "loss.pattern",
        ("loss.pattern=[1]",),
        (),
    ),
    (
        "counts_can_be_had",
        ("loss=spike_count", "readout=rate", "loss.label=5"),
        "loss.label",
        ("loss.label=4",),
        (),
    ),
    (
        "counts_can_be_had",
        ("loss=spike_count", "readout=rate", "loss.label=1"),
        "loss.label",
        ("loss.label=2",),
        (),
    ),
    (
        "analog_networks_see_the_image",
        ("strategy=ann", "encoder=scan"),
        "encoder",
        ("encoder=direct", "strategy=bptt"),
        (),
    ),
    (
        "analog_networks_see_the_image",
        (*CONVERSION, "encoder=crossings"),
        "encoder",
        ("encoder=direct", "strategy=bptt"),
        (),
    ),
    (
        "recurrent_layers_have_time",
        ("strategy=ann", "architecture.layers=[FC8,R8]"),
        "architecture.layers",
        ("strategy=bptt",),
        (),
    ),
    (
        "everything_builds",
        ("architecture.layers=[R8]", "neuron=leak_corrected"),
        "neuron",
        ("neuron=lif",),
        (),
    ),
    ("neurons_know_their_synapse", ("neuron=tssl",), "synapse", ("synapse=exponential",), ()),
    (
        "neurons_know_their_synapse",
        ("neuron=tssl", "synapse=exponential", "synapse.time_constant=4.0"),
        "neuron.synapse_time_constant",
        ("neuron.synapse_time_constant=4.0",),
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
        "strategy.stages.finetune.teacher",
        ("strategy.stages.finetune.teacher=pretrain",),
        (),
    ),
]


@cache
def said_by_rule(name: str, changes: tuple[str, ...]) -> tuple[str, ...]:
    """What one rule says of the default under these changes."""
    (rule,) = [each for each in RULES if each.__name__ == name]
    return tuple(rule(changed(configuration(), *changes)))


@pytest.mark.parametrize(
    ("rule", "changes", "key", "told", "remedy"),
    BY_RULE,
    ids=lambda each: each if isinstance(each, str) else None,
)
def test_options_that_do_not_fit_together_are_refused_and_the_remedy_helps(
    rule, changes, key, told, remedy
):
    (message,) = said_by_rule(rule, changes)
    assert key_of(message) == key
    assert settings_of(message) == list(told)
    assert message in said(*changes)
    assert remedy or told, "neither the message nor the table names a remedy"
    check(changed(configuration(), *changes, *(remedy or told[:1])))


def test_a_word_that_is_no_device_is_refused_without_a_list_of_all_that_are():
    (message,) = said("device=gpu")
    assert len(message) < 140 and "xpu" not in message and "device=cpu" in message


def test_every_rule_is_tested():
    elsewhere = {
        "every_process_has_a_part",
        "tracker_takes_the_names",
        "tracker_is_installed",
        "tracker_has_a_mode",
        "orthogonal_steps_have_norms",
    }
    assert {rule.__name__ for rule in RULES} == {rule for rule, *_ in BY_RULE} | elsewhere


SINGLE_SPIKES = (
    "strategy=single_spike",
    "neuron=if_exp",
    "encoder=spike_time",
    "readout=first_spike",
    "loss=spike_time",
    "norm=none",
)


MUON: list[tuple[tuple[str, ...], list[str]]] = [
    ((), ["norm.learn_scale=false"]),
    (("norm=none",), ["norm=batch", "norm.learn_scale=false"]),
    (("norm=bntt",), ["norm=batch", "norm.learn_scale=false"]),
    (SINGLE_SPIKES, ["optimizer=adam"]),
    (("+experiment=digits_low_pass", "~optimizer.momentum"), ["optimizer=adam"]),
]
"""Configurations that do not go with the optimizer, and what to set."""
MUON_FITS = (
    ("norm.learn_scale=false",),
    ("norm=tdbn", "norm.learn_scale=false"),
    ("strategy=ann", "norm.learn_scale=false"),
    (
        "strategy=tandem",
        "+experiment=digits_tandem",
        "norm=batch",
        "norm.learn_scale=false",
    ),
)


@cache
def said_of_muon(changes: tuple[str, ...]) -> tuple[str, ...]:
    (rule,) = [each for each in RULES if each.__name__ == "orthogonal_steps_have_norms"]
    return tuple(rule(configuration(*changes, "optimizer=muon")))


@pytest.mark.parametrize(("changes", "told"), MUON)
def test_muon_wants_norms_that_take_sizes_out(changes, told):
    (message,) = said_of_muon(changes)
    assert settings_of(message) == told


@pytest.mark.parametrize("changes", MUON_FITS)
def test_muon_goes_with_norms_that_take_sizes_out(changes):
    assert said_of_muon(changes) == ()


def test_every_process_gets_a_part_of_a_batch(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    (message,) = checking.faults(configuration("batch_size=2"))
    assert key_of(message) == "batch_size"
    assert settings_of(message) == ["batch_size=3"]
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


# The wording

MESSAGES = Path(__file__).with_name("messages.txt")
ANEW = "WRITE_MESSAGES"
"""The variable of the environment with which the file is written."""
TARGETS = (*FORBIDDEN, *ELSEWHERE, *ABSENT, *NO_WORDS)
SINGLE = (
    *(change for change, _ in UNKNOWN),
    LEFTOVER,
    *WRONG,
    *OPEN,
    WRONG_ROWS,
    WRONG_STAGES,
    *(f"encoder._target_={target}" for target in TARGETS),
)


def own_words(rule: str, message: str) -> str:
    """A message without what torch says, which changes with its version and the machine."""
    return re.sub(r"\(.*\)", "(...)", message) if rule == "device_exists" else message


def wording() -> Iterator[str]:
    """Every case of this file, and what is said of it."""
    yield from (f"{change} -> {fault(change)}" for change in SINGLE)
    yield from (f"~{path} -> {without(path)}" for path in MISSING)
    for rule, changes, *_ in BY_RULE:
        (message,) = said_by_rule(rule, changes)
        if "optimizer.nesterov=true" not in changes:  # which is refused in words of torch
            yield f"{' '.join(changes)} -> {own_words(rule, message)}"
    for changes, _ in MUON:
        (message,) = said_of_muon(changes)
        yield f"{' '.join(['optimizer=muon', *changes])} -> {message}"


def test_the_wording_is_that_of_the_file():
    lines = [*dict.fromkeys(wording())]
    if ANEW in os.environ:
        MESSAGES.write_text("\n".join(lines) + "\n")
    assert lines == MESSAGES.read_text().splitlines(), (
        "a message has another wording than in messages.txt; if it is meant, write the file anew: "
        f"{ANEW}=1 python -m pytest tests/configuration/test_check.py -k wording"
    )


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
