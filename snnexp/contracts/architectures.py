"""What architectures promise."""

from collections.abc import Callable

import torch
from torch import nn

from snnexp.contracts.drives import Build, require, uniform
from snnexp.layers.analog import AnalogUnit
from snnexp.layers.connection import Connection
from snnexp.layers.spiking import SpikingUnit
from snnexp.neurons.if_ import IF
from snnexp.surrogates.triangle import Triangle
from snnexp.synapses.instantaneous import Instantaneous

SHAPE, FEATURES = (1, 16, 16), 7


def analog(connection: nn.Module) -> nn.Module:
    """A unit of real values."""
    return AnalogUnit(connection, nn.ReLU())


def spiking(connection: nn.Module) -> nn.Module:
    """A unit of neurons."""
    neuron = IF("fire_after", 1.0, "soft", True, 0.0, "unit", Triangle(0.3, 1.0))
    return SpikingUnit(connection, Instantaneous(), neuron)


def body(build: Build, unit: Callable[[nn.Module], nn.Module]) -> nn.Sequential:
    """One without norms."""
    made: nn.Sequential = build(unit=unit, norm=no_norm, shape=SHAPE, features=FEATURES)
    return made


def no_norm(features: int, dimensions: int, branches: int) -> nn.Module:
    """In the place of a norm."""
    return nn.Identity()


def gives_the_current_of_the_output_layer(build: Build) -> None:
    for unit in (analog, spiking):
        made = body(build, unit)
        y = made(uniform(2, 3, *SHAPE))
        require(y.shape == (2, 3, FEATURES), f"expected [T, B, {FEATURES}], got {tuple(y.shape)}")
        require(isinstance(made[-1], Connection), "the last layer is no connection without a unit")


def names_its_weights_alike_in_every_form(build: Build) -> None:
    names = [[*dict(body(build, unit).named_parameters())] for unit in (analog, spiking)]
    require(names[0] == names[1], "its weights have other names in the spiking form")


def gives_every_weight_a_gradient(build: Build) -> None:
    torch.manual_seed(0)
    made = body(build, analog)
    made(uniform(1, 3, *SHAPE)).square().sum().backward()
    without = [name for name, each in made.named_parameters() if each.grad is None]
    require(not without, f"no gradient reaches {', '.join(without)}")


PROMISES = (
    gives_the_current_of_the_output_layer,
    names_its_weights_alike_in_every_form,
    gives_every_weight_a_gradient,
)
