"""Learned activations in whole networks: trained, kept, loaded again, converted."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from safetensors.torch import load_file

from snnexp.cell import streaming
from snnexp.cli.job import resolved
from snnexp.composition.compose import composed
from snnexp.configuration import build
from snnexp.configuration.build import component
from snnexp.datasets.batches import Batch, Batches
from snnexp.network.analog import analog_network
from snnexp.network.network import Network
from snnexp.network.parts import analog_units, spiking_units
from snnexp.run import prepare
from snnexp.runs.weights import load
from snnexp.training.session import Session
from tests.support.composed import configuration
from tests.support.networks import blueprint, dyadic, images, keys
from tests.support.options import build_option
from tests.support.tiny_run import TINY, job

COUNT = 6
CONVERTED = (
    "strategy=conversion",
    "neuron=if",
    "neuron.amplitude=threshold",
    "threshold=learned_clip",
)


@pytest.fixture
def double() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def converted(made: Any, analog: Network) -> Network:
    """The spiking network of the stage `conversion` with the thresholds that `analog` has
    learned.
    """
    batch = Batch(images(COUNT).double(), torch.zeros(COUNT, dtype=torch.int64), keys(COUNT))
    session = Mock(
        spec=Session,
        blueprint=made,
        device=torch.device("cpu"),
        train=Mock(spec=Batches, batch_size=3, sample=lambda count: batch),
    )
    settings = configuration(*CONVERTED)["strategy"]["stages"]["convert"] | {"samples": COUNT}
    return component(settings)("convert", analog, session).network


def both_forms(
    widths: list[int], levels: int, clip: float
) -> tuple[Network, torch.Tensor, torch.Tensor]:
    """A network converted, its scores at T = 1 to `levels`, and those of the quantised network it
    came from.
    """
    architecture = (
        "mlp",
        {"widths": widths, "bias": True, "initialization": "default", "dropout": 0.0},
    )
    made = blueprint(architecture=architecture, neuron=("if", {"amplitude": "threshold"}))
    analog = dyadic(
        analog_network(
            made, lambda: build_option("activation", "qcfs", {"levels": levels, "clip": clip})
        )
    )
    spiking = converted(made, analog)
    with torch.no_grad():
        expected = analog(images(COUNT).double(), range(1), keys(COUNT)).scores[0]
    with streaming(spiking):
        return spiking, spiking(images(COUNT).double(), range(levels), keys(COUNT)).scores, expected


@pytest.mark.slow
@pytest.mark.parametrize("levels", range(1, 17))
def test_a_converted_network_with_one_hidden_layer_is_the_quantised_one(levels, double):
    spiking, scores, expected = both_forms([40], levels, 2.0)
    exact = levels & (levels - 1) == 0  # else a mean over T is rounded
    torch.testing.assert_close(scores[-1], expected, rtol=0, atol=0 if exact else 1e-13)
    assert levels == 1 or not torch.allclose(scores[-2], expected)
    assert [
        float(each.neuron.firing.initial_potential) for each in spiking_units(spiking).values()
    ] == [1.0]


def fired(z: torch.Tensor, clip: float, levels: int) -> torch.Tensor:
    """What neurons of threshold `clip`, started from half of it, send on average of constant
    currents z in so many timesteps.
    """
    v, total = torch.full_like(z, clip / 2), torch.zeros_like(z)
    for _ in range(levels):
        v = v + z
        spikes = (v >= clip).double()
        total, v = total + spikes, v - clip * spikes
    return clip * total / levels


@pytest.mark.parametrize(
    "clip, levels, exact",
    [(2.0, 4, True), (0.5, 8, True), (1.0, 3, False), (3.7, 3, False), (0.3, 7, False)],
)
def test_the_staircase_is_what_neurons_send_but_for_the_rounding_of_half_steps(clip, levels, exact):
    step = clip / levels
    halves = torch.arange(-1, levels + 2, dtype=torch.float64) * step + step / 2
    between = torch.linspace(-clip, 2 * clip, 997, dtype=torch.float64)
    between = between[((between / step + 0.5).frac().abs() - 0.5).abs() < 0.499]  # no half steps
    with torch.no_grad():
        activation = build_option("activation", "qcfs", {"levels": levels, "clip": clip}).double()
        activation.w.fill_(clip)
        torch.testing.assert_close(
            activation(between), fired(between, clip, levels), rtol=0, atol=1e-12
        )
        assert torch.equal(activation(halves), fired(halves, clip, levels)) or not exact


def clips(folder: Path) -> dict[str, float]:
    return {
        name: value.item()
        for name, value in load_file(folder / "weights.safetensors").items()
        if name.endswith("activation.w")
    }


@pytest.mark.slow
@pytest.mark.parametrize("timesteps, equal", [(1, True), (2, False)])
def test_one_step_is_the_network_of_one_level_at_any_depth_and_two_are_not(
    timesteps, equal, double
):
    """Spikes of one step cannot come unevenly; those of two can, which is why accuracy may fall
    from t = 1 to t = 2.
    """
    _, scores, expected = both_forms([40, 40, 40], timesteps, 0.25)
    assert torch.equal(scores[-1], expected) == equal


@pytest.mark.slow
def test_learned_bounds_are_kept_and_loaded_again(tmp_path):
    settings = ["strategy=ann", "activation=qcfs", "activation.levels=3", "activation.clip=3.0"]
    result = job(tmp_path, *settings)
    assert clips(tmp_path) and all(0 < clip != 3.0 for clip in clips(tmp_path).values())
    config = resolved(composed([*TINY, "architecture=mlp", "architecture.widths=[24]", *settings]))
    session = prepare(config, None)
    network = load(
        partial(build.untrained, config, session.blueprint),
        tmp_path / "weights.safetensors",
        session.device,
    )
    assert {unit.activation.levels for unit in analog_units(network).values()} == {3}
    assert session.evaluator(network, session.test).accuracy == result["accuracy"]


@pytest.mark.slow
@pytest.mark.parametrize("first, handed_over", [("qcfs", True), ("relu", False)])
def test_a_second_stage_takes_over_what_activations_of_its_kind_have_learned(
    tmp_path, first, handed_over
):
    second = [
        "+stage@strategy.stages.again=ann",
        "+activation@strategy.stages.again.activation=qcfs",
    ]
    fixed = ["strategy.stages.again.epochs=0", "strategy.stages.again.activation.clip=5.0"]
    job(tmp_path, "strategy=ann", f"activation={first}", "epochs=1", *second, *fixed)
    assert all((clip != 5.0) == handed_over for clip in clips(tmp_path).values())


@pytest.mark.slow
def test_the_accuracy_before_conversion_is_that_of_the_quantised_network(tmp_path):
    result = job(
        tmp_path,
        *CONVERTED,
        "activation=qcfs",
        "activation.levels=1",
        "activation.clip=1.0",
        "timesteps=1",
    )
    # One hidden layer, one level, one timestep: the very same function.
    assert result["stages"]["pretrain"]["accuracy"] == result["accuracy"] == result["ann_accuracy"]
