"""Small networks made of the options, with weights that floating point adds up exactly in any
order.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from snnexp.configuration import build
from snnexp.layers.spiking import SpikingUnit
from snnexp.losses.reading import Reading
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.noise import sample_keys
from tests.support.options import build_option, settings

Option = str | tuple[str, dict[str, Any]]
DEFAULTS: dict[str, Option] = {
    "encoder": "direct",
    "neuron": "if",
    "synapse": "instantaneous",
    "surrogate": "arctan",
    "norm": "none",
    "architecture": ("cnn", {"layers": ["4C3", "AP2", "6C3", "FC12"]}),
    "readout": "potential",
}


def blueprint(
    shape: tuple[int, int, int] = (1, 8, 8), classes: int = 10, **chosen: Option
) -> Blueprint:
    """The blueprint of the options named, each alone or with changes to its settings."""
    options = {
        group: (option, {}) if isinstance(option, str) else option
        for group, option in (DEFAULTS | chosen).items()
    }
    return build.blueprint(
        {group: settings(group, option, **changes) for group, (option, changes) in options.items()},
        shape,
        classes,
    )


def untrained(made: Blueprint) -> Callable[[str], Network]:
    """Builds networks of a blueprint by form."""
    return lambda form: {"spiking": spiking_network, "analog": analog_network}[form](made)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def dyadic(network: Network, seed: int = 0, shift: float = 1 / 32) -> Network:
    """`network` in evaluation mode with multiples of 1/8 as weights, plus `shift`: sums of such are
    exact, whatever their order.
    """
    draws = seeded(seed)
    for connection in connections(network).values():
        for parameter in (connection.layer.weight, connection.layer.bias):
            if parameter is not None:
                parameter.copy_(torch.randint(-4, 5, parameter.shape, generator=draws) / 8 + shift)
    return network.eval()


def images(count: int = 3, shape: tuple[int, int, int] = (1, 8, 8), seed: int = 1) -> Tensor:
    """Multiples of 1/16 in [0, 1]."""
    return torch.randint(0, 17, (count, *shape), generator=seeded(seed)) / 16


def keys(count: int = 3) -> Tensor:
    return sample_keys(1, 0, torch.arange(count))


def chunks(timesteps: int, length: int) -> list[range]:
    return [range(start, min(start + length, timesteps)) for start in range(0, timesteps, length)]


def reading(scores: Tensor) -> Reading:
    """A reading of which only the scores matter."""
    return Reading(scores, scores)


class Spikes:
    """Collects what every unit of a network sends, call by call."""

    def __init__(self, network: Network):
        self.calls: dict[str, list[Tensor]] = {name: [] for name in spiking_units(network)}
        for name, unit in spiking_units(network).items():
            unit.register_forward_hook(
                lambda _, __, spikes, name=name: self.calls[name].append(spikes)
            )

    def taken(self) -> dict[str, Tensor]:
        """Spikes of all calls since the last time, by unit, along time."""
        whole = {name: torch.cat(calls) for name, calls in self.calls.items()}
        for calls in self.calls.values():
            calls.clear()
        return whole


def unit(network: Network, name: str) -> SpikingUnit:
    return spiking_units(network)[name]


def encoder(name: str, calibration: Tensor, **changes: Any) -> Any:
    """An encoder that has seen its training images."""
    channels = {"channels": calibration.shape[1]} if name == "whitening" else {}
    made = build_option("encoder", name, {**channels, **changes})
    if hasattr(made, "calibrate"):
        made.calibrate(calibration)
    return made
