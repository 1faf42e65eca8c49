"""Energy of the arithmetic alone."""

from snnexp.energy.base import EnergyModel, FirstLayer, multiplied_weights
from snnexp.energy.counts import Counts
from snnexp.limits import Count, NonNegative


class Arithmetic(EnergyModel):
    """Multiplications and additions, and nothing else: no memory, no transport, no control.

        spiking   MAC (multiply + add) + AC add [+ leaks multiply] [+ resets add]
        analog    MAC (multiply min(b, bits) / bits + add),  b bits of its activations

    The energy of a multiplier grows with the bits of either factor; the weights keep all of theirs.
    To be chosen for figures beside those of papers, most of which count so. It flatters spiking
    networks: reading a weight costs more than adding it (`snnexp.energy.memory`).

    Source: M. Horowitz, Computing's energy problem, ISSCC 2014, figure 1.1.9 (45 nm, 0.9 V). The
    rule for fewer bits is this package's (docs/energy.md).

    Args:
        source: where the prices are from, in words.
        multiply: joule of a multiplication.
        add: joule of an addition.
        bits: of a factor; of floating point the bits of the significand.
        first_layer: how often weights multiply an input that does not change with time.
        leak: whether the leak of every potential counts: a multiplication at every timestep, of
            neurons that leak.
        reset: whether the reset of a neuron counts: an addition for every spike.
    """

    def __init__(
        self,
        source: str,
        multiply: NonNegative,
        add: NonNegative,
        bits: Count,
        first_layer: FirstLayer,
        leak: bool,
        reset: bool,
    ):
        super().__init__(source, first_layer, bits)
        self.multiply, self.add, self.leak, self.reset = multiply, add, leak, reset

    def spiking(self, counts: Counts) -> dict[str, float]:
        synapses, neurons = counts.synapses.values(), counts.neurons.values()
        mac = sum(part.products(self.first_layer) for part in synapses)
        found = {
            "mac": mac * (self.multiply + self.add),
            "ac": sum(part.ac for part in synapses) * self.add,
        }
        if self.leak:
            found["leak"] = sum(part.updates for part in neurons if part.leaks) * self.multiply
        if self.reset:
            found["reset"] = sum(part.spikes for part in neurons) * self.add
        return found

    def analog(self, counts: Counts, bits: int) -> dict[str, float]:
        share = min(bits, self.bits) / self.bits
        return {"mac": multiplied_weights(counts) * (self.multiply * share + self.add)}
