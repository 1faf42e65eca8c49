"""The benchmark in miniature: what it counts is exact, so a network that comes to keep more than it
must is noticed here.
"""

import time

import pytest
import torch

from scripts import measure
from tests.support.composed import configuration

# the benchmark's network, an eighth as wide
LAYERS = "architecture.layers=[8C3,16C3,AP2,32C3,AP2,32C3,AP2]"
SMALL = ["dataset=cifar10", LAYERS, "architecture.bias=false", "optimizer=sgd", "batch_size=2"]
CPU = torch.device("cpu")


def figures(*overrides: str) -> dict[str, dict[str, int]]:
    subjects = measure.forms(configuration(*SMALL, "device=cpu", *overrides))
    return {name: measure.memory(subject, CPU) for name, subject in subjects.items()}


def ratio(kind: str, timesteps: int, *overrides: str) -> float:
    found = figures(f"timesteps={timesteps}", *overrides)
    return found["spiking"][kind] / (timesteps * found["analog"][kind])


@pytest.mark.slow
@pytest.mark.parametrize("timesteps", [4, 16])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_network_keeps_little_more_than_its_twin_keeps_in_all_steps(timesteps, precision):
    assert ratio("saved", timesteps, f"precision={precision}") <= 1.5


@pytest.mark.slow
@pytest.mark.parametrize("timesteps", [4, 16])
def test_lean_memory_keeps_half_of_that(timesteps):
    assert ratio("kept", timesteps, "memory=lean") <= 0.55


def test_saved_bytes_are_those_of_the_tensors():
    weights = torch.nn.Linear(5, 3)
    x = torch.randn(7, 5)
    subject = measure.Subject(
        weights, lambda: weights(x).square().relu(), lambda: None, lambda: None
    )
    assert measure.saved(subject) == 4 * (
        7 * 5 + 7 * 3 + 7 * 3
    )  # x for the weights, their output for the square, its own for relu


def test_what_is_alive_and_what_was():
    alive, peak = measure.allocated(lambda: torch.zeros(1000) + torch.zeros(1000), CPU)
    assert (alive, peak) == (4000, 12000)


@pytest.mark.slow
def test_every_figure_of_a_network_and_of_a_neuron():
    case = measure.against_twin([*SMALL, "device=cpu", "timesteps=2"], 2, time.process_time)
    assert set(case["ratios"]) == {"train", "evaluate", "saved", "kept", "peak"}
    assert case["ratios"]["saved"] == case["spiking"]["saved"] / (2 * case["analog"]["saved"])
    assert case["spiking"]["train"]["seconds"] > 0


@pytest.mark.slow
def test_the_neuron_keeps_its_input_and_no_potentials(monkeypatch):
    monkeypatch.setattr(measure, "COPIED", 2**16)
    case = measure.against_copy(["device=cpu"], (16, 2, 4, 3, 3), 2, time.process_time)
    assert (
        case["saved_per_value"] <= 4 * (1 + 1 / 16) + 0.1
    )  # the current, and the potential before the first step
    assert set(case["ratios"]) == {"train", "evaluate"}


@pytest.mark.slow
def test_one_way_of_training_against_another():
    words = [*SMALL, "device=cpu", "timesteps=16", "time_segments=auto"]
    case = measure.against_other(words, ["time_segments=1"], 2, time.process_time)
    assert case["ratios"]["peak"] == case["this"]["peak"] / case["other"]["peak"] < 0.6
    assert case["ratios"]["train"] > 0


@pytest.mark.slow
def test_training_on_counts_keeps_what_does_not_depend_on_time():
    counted = ["strategy=tandem", "neuron=if"]
    kept = [figures(*counted, f"timesteps={steps}")["spiking"]["saved"] for steps in (2, 16)]
    assert 0 < kept[1] <= 1.001 * kept[0]  # but for a number per timestep
    assert kept[1] <= 0.35 * figures("neuron=if", "timesteps=8")["spiking"]["saved"]
