"""The choice of the thresholds of a converted network."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from operator import mul

from snnexp.conversion.measurement import Measured, source
from snnexp.conversion.thresholds import Thresholds
from snnexp.conversion.units import BlockThreshold, Weights, hidden_units, parts
from snnexp.datasets.batches import Batch
from snnexp.limits import Fraction, Positive
from snnexp.network.network import Network
from snnexp.progress.work import doing
from snnexp.thresholds.base import Rule


@dataclass(frozen=True)
class Balancing:
    """How the thresholds of a converted network are chosen.

    Args:
        rule: chooses the threshold of a layer from what is measured.
        scale: factor on every threshold once all have been read, > 0.
        initial_potential: potential before the first timestep as a fraction of the threshold.
        block_threshold: of the layers in residual blocks, not scaled; "stem" for that of the last
            layer before them; None measures them too.
        weights: kept, or normalised so that every threshold is 1.
    """

    rule: Rule
    scale: Positive
    initial_potential: Fraction
    block_threshold: BlockThreshold
    weights: Weights

    def thresholds(self, spiking: Network, analog: Network, batch: Batch) -> Thresholds:
        """Measures all layers; thresholds that neurons have in between are no results.

        Args:
            spiking: the converted network, norms folded.
            analog: the network it came from.
            batch: training images.

        Raises:
            ConfigError: the images give a layer no threshold above 0.
        """
        normalised = self.weights == "normalised"
        measured = self._measured(
            Measured(self.rule, batch, spiking, analog, self.initial_potential, normalised)
        )
        scaled = self._scaled(measured, spiking)
        if normalised:
            ones = dict.fromkeys(scaled, 1.0)
            return Thresholds(ones, scaled, measured, self.initial_potential)
        return Thresholds(scaled, _spans(scaled, spiking), {}, self.initial_potential)

    def _measured(self, measured: Measured) -> dict[str, float]:
        before, blocks, behind = self._parts(measured.spiking)
        thresholds: dict[str, float] = {}
        names = [*before, *blocks, *behind]
        with (
            doing("balancing", len(names), "layers") as work,
            source(measured, [*before, *behind]) as read,
        ):
            for name in names:
                thresholds[name] = (
                    self._of_blocks(thresholds, before) if name in blocks else read.threshold(name)
                )
                read.place(name, thresholds[name])
                work.advance()
        return thresholds

    def _scaled(self, measured: Mapping[str, float], spiking: Network) -> dict[str, float]:
        before, blocks, _ = self._parts(spiking)
        scaled = {name: self.scale * threshold for name, threshold in measured.items()}
        return scaled | {name: self._of_blocks(scaled, before) for name in blocks}

    def _of_blocks(self, thresholds: Mapping[str, float], before: list[str]) -> float:
        return thresholds[before[-1]] if self.block_threshold == "stem" else self.block_threshold

    def _parts(self, spiking: Network) -> tuple[list[str], list[str], list[str]]:
        """Names of the layers that are measured, of those that are not, and of those behind."""
        if self.block_threshold is None:
            return list(hidden_units(spiking)), [], []
        return parts(spiking)


def _spans(thresholds: Mapping[str, float], spiking: Network) -> dict[str, float]:
    """The activation that one spike per timestep stands for, where weights are kept."""
    units = hidden_units(spiking)
    if all(unit.neuron.amplitude == "threshold" for unit in units.values()):
        return dict(thresholds)
    products = accumulate((thresholds[name] for name in units), mul)
    return dict(zip(units, products, strict=True))
