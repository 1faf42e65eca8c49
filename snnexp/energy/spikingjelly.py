"""Energy as SpikingJelly counts it."""

from snnexp.energy.base import EnergyModel, FirstLayer, multiplied_weights
from snnexp.energy.counts import Counts
from snnexp.limits import Count, NonNegative


class SpikingJelly(EnergyModel):
    """The convention of SpikingJelly's simple energy profiler.

        MAC mac + AC ac + bytes byte
        bytes    a weight for every MAC and AC, a bias for every output and timestep,
                 a potential read and written for every neuron and timestep

    One price for every byte, wherever it lies. The network is run as SpikingJelly's are: an input
    that stands still is multiplied at every timestep. Norms count as folded into weights and
    biases, where the profiler counts those that are not folded as operations of their own. To be
    chosen for figures beside those that users of SpikingJelly print.

    Source: SpikingJelly 2.0, `op_counter/simple_energy.py` and `neuromorphic_memory_access.py`; its
    price of a byte is that of STEP, 3.12 pJ a bit.

    Args:
        source: where the prices are from, in words.
        mac: joule of a multiply-accumulate.
        ac: joule of an accumulate.
        byte: joule of reading or writing one.
        bits: of a word.
        first_layer: how often weights multiply an input that does not change with time.
    """

    def __init__(
        self,
        source: str,
        mac: NonNegative,
        ac: NonNegative,
        byte: NonNegative,
        bits: Count,
        first_layer: FirstLayer,
    ):
        super().__init__(source, first_layer, bits)
        self.mac, self.ac, self.byte = mac, ac, byte

    def spiking(self, counts: Counts) -> dict[str, float]:
        synapses, neurons = counts.synapses.values(), counts.neurons.values()
        mac = sum(part.products(self.first_layer) for part in synapses)
        ac = sum(part.ac for part in synapses)
        read = mac + sum(part.ac for part in synapses if part.weights)
        updates = sum(part.updates for part in neurons)
        word = self.bits / 8 * self.byte
        return {
            "mac": mac * self.mac,
            "ac": ac * self.ac,
            "weights": read * word,
            "biases": updates * word,
            "potentials": 2 * updates * word,
        }

    def analog(self, counts: Counts, bits: int) -> dict[str, float] | None:
        """The profiler has one price whatever the bits, so there is none for fewer of them."""
        if bits != self.bits:
            return None
        mac = multiplied_weights(counts)
        outputs = sum(part.outputs for part in counts.synapses.values() if part.mac_ann)
        word = self.bits / 8 * self.byte
        return {"mac": mac * self.mac, "weights": mac * word, "biases": outputs * word}
