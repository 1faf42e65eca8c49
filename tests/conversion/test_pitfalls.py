"""What goes wrong in silence when networks are converted and fine-tuned, as far as no other test
would show it.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from snnexp.cell import Over
from snnexp.conversion import probe
from snnexp.conversion.balancing import Balancing
from snnexp.conversion.thresholds import apply
from snnexp.datasets.base import Split
from snnexp.datasets.batches import Batch, Batches
from snnexp.datasets.pixels import Pixels
from snnexp.measure.evaluator import Evaluation, Evaluator
from snnexp.network.analog import analog_network
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.network.transfer import transfer
from tests.support.augmented import augmentation
from tests.support.composed import configuration
from tests.support.networks import blueprint, dyadic, images, keys, seeded
from tests.support.options import CONF, build_option, options

COUNT, STEPS = 13, 6


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def network(**neuron: Any) -> Network:
    return dyadic(
        spiking_network(blueprint(neuron=("if", {"amplitude": "threshold", **neuron}))).double()
    )


def calibration() -> Batch:
    return Batch(images(4).double(), torch.zeros(4, dtype=torch.int64), keys(4))


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["ann_percentile", "snn_max"])
def test_thresholds_are_measured_without_gradients(rule):
    made, seen = blueprint(neuron=("if", {"amplitude": "threshold"})), []
    analog, spiking = dyadic(analog_network(made)), spiking_network(made).eval()
    transfer(analog, spiking)
    for each in [*connections(analog).values(), *connections(spiking).values()]:
        each.register_forward_hook(lambda _, __, current: seen.append(current.requires_grad))
    changes = {"timesteps": 3} if rule == "snn_max" else {}
    balancing = Balancing(build_option("threshold", rule, changes), 1.0, 0.5, None, "kept")
    balancing.thresholds(spiking, analog, calibration())
    assert len(seen) >= 4 and not any(seen) and torch.is_grad_enabled()


def evaluated(net: Network, batch_size: int) -> Evaluation:
    pixels = torch.randint(0, 2, (COUNT, 1, 8, 8), generator=seeded(), dtype=torch.uint8) * 255
    whole = Split(pixels, torch.randint(0, 10, (COUNT,), generator=seeded(1)), torch.arange(COUNT))
    plain = augmentation(
        crop_padding=0, crop_border="zero", flip=False, auto_augment=None, cutout=0
    )
    batches = Batches(
        whole, batch_size, Pixels([0.0], [1.0]), augmentation=plain, device="cpu", seed=3
    )
    return Evaluator(STEPS, 4, build_option("loss", "cross_entropy"), torch.float32)(
        net.float(), batches, count=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 5, 6])  # the last batch has 1, 3 and 1 images
def test_every_batch_starts_from_half_the_threshold_again(batch_size):
    net = network(initial_potential=0.5)
    expected, found = evaluated(net, COUNT), [evaluated(net, batch_size) for _ in range(2)]
    for each in found:
        assert each.accuracy_by_timestep == expected.accuracy_by_timestep
        assert each.tally.spikes_by_layer() == expected.tally.spikes_by_layer()
    assert evaluated(network(), COUNT).tally.spikes_by_layer() != expected.tally.spikes_by_layer()


@pytest.mark.slow
def test_the_output_layer_gets_no_threshold_and_keeps_its_weights():
    made = blueprint(neuron=("if", {"amplitude": "threshold"}))
    analog, spiking = dyadic(analog_network(made)), spiking_network(made).eval()
    transfer(analog, spiking)
    balancing = Balancing(build_option("threshold", "ann_percentile"), 1.0, 0.5, None, "kept")
    apply(balancing.thresholds(spiking, analog, calibration()), spiking)
    name, output = list(connections(spiking).items())[-1]
    assert name == "body.output" and torch.equal(
        output.layer.weight, connections(analog)[name].layer.weight
    )
    assert (
        not any(name.startswith(("body.output", "output")) for name in spiking_units(spiking))
        and len(spiking_units(spiking)) == 3
    )


@pytest.mark.parametrize("steps", [1, 5, 250])
def test_scores_that_are_summed_are_those_that_are_averaged_times_the_steps(steps):
    """The loss of one is far from that of the other after many steps; the class is the same."""
    summed, averaged = (
        Over(build_option("readout", "potential", {"average": average}))
        for average in (False, True)
    )
    current = torch.randn(steps, 3, 10, generator=seeded())
    scores = summed(current)[-1], averaged(current)[-1]
    torch.testing.assert_close(scores[0], steps * scores[1])
    assert torch.equal(scores[0].argmax(-1), scores[1].argmax(-1))


SUMMED = [
    name for name in options("experiment") if re.search("hybrid|diet", name) and "qcfs" not in name
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in SUMMED if name.startswith(("cifar10", "imagenet"))]
)
def test_what_is_fine_tuned_on_summed_scores_says_so(name):
    assert configuration(f"+experiment={name}")["readout"]["average"] is False


@pytest.mark.slow
def test_no_experiment_selects_by_the_test_set():
    chosen = {
        OmegaConf.load(path).get("selection", "last")
        for path in (CONF / "experiment").glob("*.yaml")
    }
    assert chosen <= {"last", "best_validation"} and configuration()["selection"] == "last"


@pytest.mark.slow
@pytest.mark.parametrize("images_per_call", [1, 4])
def test_what_is_measured_does_not_depend_on_how_many_steps_a_call_takes(
    images_per_call, monkeypatch
):
    found = []
    for per_call in (probe.PER_CALL, images_per_call):
        monkeypatch.setattr(probe, "PER_CALL", per_call)
        net, seen = network(initial_potential=0.5), []
        probe.run(
            net, calibration(), 7, {net.body.linear1: lambda spikes, seen=seen: seen.append(spikes)}
        )
        found.append(torch.cat(seen))
    assert torch.equal(*found) and len(found[0]) == 7
