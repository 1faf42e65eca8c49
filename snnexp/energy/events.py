"""Energy of a chip that works by events."""

from snnexp.energy.base import EnergyModel, FirstLayer
from snnexp.energy.counts import Counts
from snnexp.limits import NonNegative


class Events(EnergyModel):
    """A neuromorphic chip: a price for every spike that reaches a synapse, for every neuron at
    every timestep, and for every spike that is sent.

        AC synapse + updates idle + spikes (active - idle + route) + MAC product

    To be chosen for what a chip has been measured to need. Real-valued inputs are multiplied
    outside of it. It runs no analog network, so there is none beside the figure.

    Source: M. Davies et al., Loihi, IEEE Micro 38(1), 2018, table 1 (14 nm, 0.75 V).

    Args:
        source: where the prices are from, in words.
        synapse: joule of a spike at a synapse.
        idle: joule of a neuron at a timestep at which it does not fire.
        active: joule of a neuron at a timestep at which it fires.
        route: joule of sending a spike within a tile.
        product: joule of a multiply-accumulate outside the chip.
        first_layer: how often weights multiply an input that does not change with time.
    """

    def __init__(
        self,
        source: str,
        synapse: NonNegative,
        idle: NonNegative,
        active: NonNegative,
        route: NonNegative,
        product: NonNegative,
        first_layer: FirstLayer,
    ):
        super().__init__(source, first_layer, bits=0)
        self.synapse, self.idle, self.active = synapse, idle, active
        self.route, self.product = route, product

    def spiking(self, counts: Counts) -> dict[str, float]:
        synapses, neurons = counts.synapses.values(), counts.neurons.values()
        spikes = sum(part.spikes for part in neurons)
        updates = sum(part.updates for part in neurons)
        mac = sum(part.products(self.first_layer) for part in synapses)
        return {
            "mac": mac * self.product,
            "synapses": sum(part.ac for part in synapses) * self.synapse,
            "neurons": updates * self.idle + spikes * (self.active - self.idle),
            "routes": spikes * self.route,
        }

    def analog(self, counts: Counts, bits: int) -> None:
        return None
