"""What a network does for one image, part by part: what energy models put a price on."""

import math
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Synapses:
    """What happens at the weights of a connection, for one image on average."""

    weights: int
    """How many there are; 0 for what adds without weights."""
    inputs: int
    """Values that come in at a timestep."""
    outputs: int
    """Values that go out at a timestep."""
    mac: float = 0.0
    """Multiply-accumulates; an input that stands still is multiplied once."""
    mac_per_step: float = 0.0
    """The same if it were multiplied at every timestep."""
    ac: float = 0.0
    """Accumulates: a weight added because a spike arrived."""
    mac_ann: float = 0.0
    """Multiply-accumulates of the analog network."""

    def products(self, first_layer: str) -> float:
        """Multiply-accumulates where a still input is multiplied `once` or `per_step`."""
        return self.mac if first_layer == "once" else self.mac_per_step


@dataclass(frozen=True)
class Neurons:
    """What the neurons of a layer do, for one image on average."""

    neurons: int
    leaks: bool
    """Whether they forget: a multiplication of every potential at every timestep."""
    updates: float = 0.0
    """Potentials times timesteps."""
    spikes: float = 0.0


@dataclass(frozen=True)
class Counts:
    """All of it, by the names of the parts.

    Args:
        synapses: connections, shortcuts without weights, weights of layers to themselves.
        neurons: layers of spiking neurons.
    """

    synapses: dict[str, Synapses] = field(default_factory=dict)
    neurons: dict[str, Neurons] = field(default_factory=dict)

    def updated(self, timesteps: float) -> "Counts":
        """The same with every potential updated so many times."""
        neurons = {
            name: replace(each, updates=each.neurons * timesteps)
            for name, each in self.neurons.items()
        }
        return replace(self, neurons=neurons)


def matching_bits(timesteps: int) -> int:
    """Bits of an activation that has as many values as a neuron has counts of spikes in so many
    timesteps: 0 to T.

        ceil(log2(T + 1))
    """
    return math.ceil(math.log2(timesteps + 1))
