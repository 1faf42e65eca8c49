"""Energy of arithmetic and of the memory that it reads and writes."""

from collections import Counter

from snnexp.energy.arithmetic import Arithmetic
from snnexp.energy.base import FirstLayer
from snnexp.energy.counts import Counts, Synapses
from snnexp.limits import Count, NonNegative

WORD = 64
"""Bits of an access that the prices are for."""
OUTSIDE = "dram"


class MemoryTraffic(Arithmetic):
    """Arithmetic, and every operand read from the memory that its layer needs.

    Weights, potentials and activations of a layer lie in the smallest memory that holds all of
    them, beyond the largest one in DRAM. Nothing is kept from one operation for the next:

        MAC    reads a weight and an activation
        AC     reads a weight, reads and writes a potential
        neuron reads and writes its potential at every timestep
        spike  is written and read, one bit
        output of the analog network is written once, `b` bits, as are its activations read

    To be chosen where an energy is to be believed: traffic is most of it. Real chips keep operands
    close for a while, which helps the analog network more, since its order of operations is known.

    Source: prices of M. Horowitz, ISSCC 2014 (45 nm; caches of 8 KB, 32 KB, 1 MB and DRAM, 64 bits
    an access); accesses after E. Lemaire et al. 2022, arXiv 2210.13107.

    Args:
        source: where the prices are from, in words.
        multiply, add, bits, first_layer, leak, reset: as of `Arithmetic`.
        word_bits: of a weight, a potential and an activation at full precision.
        sizes: bytes of each memory, the smallest first.
        access: joule of reading or writing 64 bits in each of them.
        dram: joule of the same in DRAM.
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
        word_bits: Count,
        sizes: list[Count],
        access: list[NonNegative],
        dram: NonNegative,
    ):
        super().__init__(source, multiply, add, bits, first_layer, leak, reset)
        if len(sizes) != len(access) or sizes != sorted(sizes):
            raise ValueError(
                f"{len(sizes)} sizes {sizes} and {len(access)} prices {access}; give every memory "
                "a price, the smallest first"
            )
        self.word_bits = word_bits
        self.levels = list(zip(sizes, access, strict=True))
        self.dram = dram

    def spiking(self, counts: Counts) -> dict[str, float]:
        traffic = Counter[str]()
        for part in counts.synapses.values():
            self._read_weights(traffic, part, part.products(self.first_layer), self.word_bits)
            accessed = (1 if part.weights else 0) + 2
            self._add(traffic, part.weights, part.ac * accessed * self.word_bits)
        for layer in counts.neurons.values():
            bits = 2 * layer.updates * self.word_bits + 2 * layer.spikes
            self._add(traffic, layer.neurons, bits)
        return super().spiking(counts) | dict(traffic)

    def analog(self, counts: Counts, bits: int) -> dict[str, float]:
        held = min(bits, self.word_bits)
        traffic = Counter[str]()
        for part in counts.synapses.values():
            self._read_weights(traffic, part, part.mac_ann, held)
            self._add(traffic, part.outputs, part.outputs * held if part.mac_ann else 0.0)
        return super().analog(counts, bits) | dict(traffic)

    def _read_weights(
        self, traffic: Counter[str], part: Synapses, products: float, bits: int
    ) -> None:
        self._add(traffic, part.weights, products * self.word_bits)
        self._add(traffic, part.inputs, products * bits)

    def _add(self, traffic: Counter[str], words: int, bits: float) -> None:
        """Puts the price of so many bits to the memory that holds so many words."""
        name, price = self._level(words * self.word_bits // 8)
        if bits:
            traffic[name] += bits / WORD * price

    def _level(self, size: int) -> tuple[str, float]:
        for held, price in self.levels:
            if size <= held:
                return f"memory of {held} bytes", price
        return OUTSIDE, self.dram
