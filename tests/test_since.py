"""Runs that were made before a setting existed are evaluated as they were."""

import pytest
from omegaconf import OmegaConf

from snnexp.composition.since import KEYS, completed
from snnexp.configuration.check import faults
from tests.composition import configuration

FORM = ("delays", "centralize_gradient", "gain")
OLD = {
    ("strategy=conversion", "neuron=if", "neuron.amplitude=threshold"): ("strategy.stages.pretrain.start", "neuron.order"),
    ("neuron=lif",): ("neuron.order", "dataset.augmentation.auto_augment", *KEYS),
    ("+experiment=digits_single_spike",): ("strategy.stages.train.redraw", *(f"strategy.stages.train.form.{each}" for each in FORM)),
    ("strategy=hybrid", "threshold=snn_percentile", "neuron=if", "neuron.amplitude=threshold"): (
        "strategy.stages.convert.threshold.combination",
    ),
}


@pytest.mark.parametrize("words, later", OLD.items(), ids=str)
def test_what_an_old_configuration_lacks_is_filled_in(words, later):
    wanted = configuration(*words)
    old = OmegaConf.create(wanted)
    for path in later:
        owner, _, key = path.rpartition(".")
        del (OmegaConf.select(old, owner) if owner else old)[key]
    assert OmegaConf.to_container(old) != wanted
    found = OmegaConf.to_container(completed(old))
    assert found == wanted and not faults(found)
