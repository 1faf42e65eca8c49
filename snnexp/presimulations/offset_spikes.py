"""Presimulation that adds or takes away one spike where a neuron is off by one."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.layers.spiking import SpikingUnit
from snnexp.limits import Count
from snnexp.network.parts import spiking_units
from snnexp.presimulations.base import Present, Presimulation, potential, restart

MARGIN = 0.001
"""How far beyond the threshold a potential is moved, as a fraction of the threshold."""


class OffsetSpikes(Presimulation):
    """Finds layer by layer which neurons fire once too often or too rarely, and moves their initial
    potential by what that spike needs.

    With v the potential after the reset, u before it, theta the threshold and both taken over a
    hidden run of the layer:

        v(0) <- v(0) - max(theta, min over spikes of u - 0.999 theta)
            where v(timesteps) < 0 and the neuron has fired
        v(0) <- v(0) + max(theta, 1.001 theta - max over silent steps of v)
            where v(timesteps) >= theta and it has been silent

    Each layer is run with the layers before it already moved, so the hidden timesteps are those of
    a layer times the layers. All layers run in all of them, and all their spikes count.

    Source: Hao 2023, bridging the gap between ANNs and SNNs by calibrating offset spikes (COS), one
    iteration. Neurons that fire at every step stay as they are; the authors' program moves them out
    of reach.

    Args:
        timesteps: length of the hidden run of each layer.
    """

    def __init__(self, timesteps: Count):
        self.timesteps = timesteps

    def hidden_timesteps(self, network: nn.Module) -> int:
        return self.timesteps * len(spiking_units(network))

    def __call__(self, network: nn.Module, present: Present) -> None:
        potentials: dict[str, Tensor] = {}
        for place, (name, unit) in enumerate(spiking_units(network).items()):
            restart(network, potentials)
            potentials[name] = self._moved(unit, present, self.timesteps * place)
        restart(network, potentials)

    def _moved(self, unit: SpikingUnit, present: Present, first: int) -> Float[Tensor, "B *n"]:
        lowest, highest = self._extremes(unit, present, first)
        theta, v = unit.neuron.firing.threshold, potential(unit)
        down = (lowest - (1 - MARGIN) * theta).clamp(min=theta)
        up = ((1 + MARGIN) * theta - highest).clamp(min=theta)
        start = unit.neuron.initial(v)
        start = torch.where((v < 0) & lowest.isfinite(), start - down, start)
        return torch.where((v >= theta) & highest.isfinite(), start + up, start)

    def _extremes(self, unit: SpikingUnit, present: Present, first: int) -> tuple[Tensor, Tensor]:
        """The lowest potential that fired and the highest that did not; infinite where there is
        none.
        """
        fired: list[Tensor] = []
        hook = unit.register_forward_hook(lambda _, __, spikes: fired.append(spikes[0] != 0))
        lowest, highest = math.inf, -math.inf
        try:
            for step in range(first, first + self.timesteps):
                present(range(step, step + 1))
                v, spiked = potential(unit), fired.pop()
                charged = (
                    v + unit.neuron.firing.threshold
                )  # what it was before the reset, where it has fired
                lowest = torch.where(spiked, charged, math.inf).clamp(max=lowest)
                highest = torch.where(spiked, -math.inf, v).clamp(min=highest)
        finally:
            hook.remove()
        return lowest, highest
