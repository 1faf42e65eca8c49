"""What stands against a conversion is asked of neurons and layers, whoever has written them."""

from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from snnexp.cell import Cell, State, at_rest
from snnexp.configuration.rules.conversion import conversion_has_rates
from snnexp.conversion.obstacles import structural, temporal
from snnexp.conversion.units import hidden_units, unconvertible
from snnexp.layers.distortion import Code
from snnexp.layers.elementwise import Elementwise
from snnexp.layers.joint import Joint
from snnexp.layers.per_step import PerStep
from snnexp.layers.spiking import SpikingUnit
from snnexp.network.network import Network
from snnexp.network.spiking import spiking_network
from snnexp.neurons.base import Neuron
from snnexp.neurons.convertible import MEMBERS, Chargeable, Convertible
from tests.support.composed import configuration
from tests.support.networks import blueprint
from tests.support.options import build_option, options

SHARES = {"diet", "few_spikes", "fitted_few_spikes", "first_spike", "switch"}
SHARES |= {"time_to_first_spike"}
"""Neurons whose potential at the start is one share of the threshold, or of a digit."""


class Own(Neuron):
    """The least that conversion takes."""

    def initial(self, x: Tensor) -> State:
        return at_rest(x)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        u = state + x
        s = (u >= self.height).to(u.dtype)
        return s, u - self.height * s

    def set_threshold(self, value: float, initial_potential: float) -> None:
        self.height = value


class Lasting(Own):
    """Says that its output stays on."""

    latches: ClassVar[bool] = True


class Foreign(Cell):
    """States nothing."""

    def initial(self, x: Tensor) -> State:
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x, state


def network(neuron: type[Cell] | None = None, *behind: nn.Module) -> Network:
    """A small network whose hidden neurons are others, with layers behind the first unit."""
    made = spiking_network(blueprint(architecture=("cnn", {"layers": ["4C3", "AP2", "FC8"]})))
    if neuron is not None:
        for unit in hidden_units(made).values():
            unit.cells.cells[-1] = neuron()
    first = made.body.convolution1
    made.body.convolution1 = nn.Sequential(first, *behind)
    return made


def option(name: str) -> Cell:
    surrogate = build_option("surrogate", "arctan")
    try:
        return build_option("neuron", name, surrogate=surrogate)
    except TypeError:
        return build_option("neuron", name)


@pytest.mark.parametrize("name", options("neuron"))
def test_neurons_state_what_conversion_asks_for(name):
    neuron = option(name)
    assert isinstance(neuron, Convertible) == hasattr(neuron, "set_threshold")
    assert isinstance(neuron, Chargeable) == (
        isinstance(neuron, Convertible) and name not in SHARES
    )


def test_a_neuron_of_ones_own_brings_its_threshold_alone():
    made = network(Own)
    assert unconvertible(made) == [] and list(structural(made)) == []
    assert Own().amplitude == "unit"


def test_a_neuron_that_states_nothing_is_found():
    found = unconvertible(network(Foreign))
    assert len(found) == 2 and not any(hasattr(found[0], name) for name in MEMBERS)


class Settable(Foreign):
    """Lets its threshold be set, and says nothing of what it sends."""

    def set_threshold(self, value: float, initial_potential: float) -> None:
        pass


@pytest.mark.slow
def test_the_check_says_what_a_neuron_has_to_state():
    config = configuration("strategy=conversion")
    config["neuron"] = {"_target_": f"{__name__}.Settable"}
    (said,) = conversion_has_rates(config)
    assert "amplitude, windowed, latches" in said and "derive it from" in said


class Median(nn.Module):
    """A pool that is right for outputs that stay on."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def distortion(self, code: Code) -> str | None:
        return "takes medians; use means" if code == "rates" else None


@pytest.mark.slow
@pytest.mark.parametrize("pool", [Median(), nn.MaxPool2d(1)])
def test_a_pool_says_what_it_does_to_rates(pool):
    said = list(structural(network(Own, PerStep(pool), PerStep(pool))))
    assert len(said) == 1 and said[0].startswith("architecture: body.convolution1.1 takes m")
    assert list(structural(network(Lasting, PerStep(pool)))) == []


class Gated(Joint):
    """Has neurons of a fixed function, and sends products."""

    fixed: ClassVar[tuple[str, ...]] = ("gate",)

    def __init__(self) -> None:
        super().__init__("own", ((), ("gate",)))
        synapse = build_option("synapse", "instantaneous")
        self.gate = nn.Sequential(SpikingUnit(nn.Identity(), synapse, Foreign()))

    def passed(self, signals: list, values: Tensor) -> None:
        return None

    def distortion(self, code: Code) -> str | None:
        return "sends products; add"


def test_a_joint_says_what_is_fixed_in_it_and_what_it_does():
    made = network(Own, Gated())
    assert unconvertible(made) == []  # those of the gate take the place of no activation
    assert list(structural(made)) == ["architecture: body.convolution1.1 sends products; add"]


@pytest.mark.parametrize("function", ["and", "iand"])
def test_joins_of_spikes_that_do_not_add_are_refused(function):
    joints = (Elementwise(function, nn.Identity(), nn.Identity()) for _ in range(2))
    (said,) = structural(network(Own, *joints))
    assert said.endswith(
        f"joins by {function}, which rates do not pass through; use a join that adds"
    )


@pytest.mark.parametrize("neuron, remedy", [(Own, "light"), (Lasting, "none")])
def test_potentials_of_neurons_that_hold_shares_are_not_corrected(neuron, remedy):
    calibration = build_option("calibration", "advanced")
    rule = build_option("threshold", "ann_max")
    (said,) = temporal(network(neuron), rule, calibration)
    assert neuron.__name__ in said and said.endswith(f"use calibration={remedy}")


def test_potentials_add_up_until_a_threshold_is_set():
    for name in ("if", "burst"):
        neuron = option(name)
        neuron.set_threshold(2.0, 0.5)
        neuron.charge(torch.tensor([0.25, -0.5, 0.0]))
        assert neuron.initial(torch.zeros(1, 3)).tolist() == [[1.25, 0.5, 1.0]]
