"""Conversion of a trained analog network into a spiking one by threshold balancing."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from snnexp.cell import streaming
from snnexp.datasets.batches import Batch
from snnexp.layers.analog import AnalogUnit
from snnexp.layers.spiking import SpikingUnit
from snnexp.limits import Count, Fraction, Percentile, Positive
from snnexp.network import Network, fold_norms, is_spiking, spiking_units, transfer
from snnexp.stages.base import Outcome, Session, Stage


class Conversion(Stage):
    """Makes the spiking network whose firing rates stand for the activations of the analog one.

    Norms are folded into the weights, which stay those of the analog network; every layer gets one threshold:

        statistics "ann"   threshold_l = percentile of the positive activations of layer l                   (spikes of amplitude threshold)
        statistics "snn"   threshold_l = max over timesteps of the percentile of W s_{l-1}(t), layer by layer      (spikes of amplitude 1)

    Source: ann: Diehl 2015 (survey [35]) with the maximum, i.e. percentile 100; Rueckauer 2017 ([10]) with 99.9.
    snn: Sengupta 2019 ([36]), Rathi 2020 ([66]) with 100; Rathi & Roy 2021 ([70]) with 99.7. Reset by subtraction: Han 2020 ([38]).

    Args:
        statistics: where the threshold is read; decides the amplitude of spikes the neuron must have.
        percentile: percentile of the statistic, in (0, 100].
        scale: factor on every threshold once all have been read, > 0.
        initial_potential: potential before the first step as a fraction of the threshold, in [0, 1].
        samples: number of training images, without augmentation.
        timesteps: length of the passes that measure the "snn" statistic.
    """

    def __init__(
        self,
        statistics: Literal["ann", "snn"],
        percentile: Percentile,
        scale: Positive,
        initial_potential: Fraction,
        samples: Count,
        timesteps: Count,
    ):
        self.statistics = statistics
        self.percentile = percentile
        self.scale = scale
        self.initial_potential = initial_potential
        self.samples = samples
        self.timesteps = timesteps

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        if network is None or is_spiking(network):
            raise ValueError(f"stage {name}: conversion starts from an analog network; put a stage that trains one (stage=ann) before it")
        analog = network.eval()
        spiking = session.blueprint.spiking().to(session.device).eval()
        transfer(analog, spiking)
        fold_norms(spiking)
        balance = self._from_ann if self.statistics == "ann" else self._from_snn
        return Outcome(spiking, {"thresholds": balance(analog, spiking, session.train.sample(self.samples))})

    def _from_ann(self, analog: Network, spiking: Network, batch: Batch) -> dict[str, float]:
        layers = {name: unit for name, unit in analog.named_modules() if isinstance(unit, AnalogUnit)}
        with _watching(layers, self._of_positive) as seen, torch.no_grad():
            analog(batch.images, range(1), batch.keys)
        return {name: self._set(name, unit, self.scale * seen[name][0]) for name, unit in spiking_units(spiking).items()}

    def _from_snn(self, analog: Network, spiking: Network, batch: Batch) -> dict[str, float]:
        # Each layer is measured with the layers before it already balanced, and not yet scaled, as [66] and [70] do.
        units = spiking_units(spiking)
        read = {name: self._set(name, unit, self._largest_current(name, unit, spiking, batch)) for name, unit in units.items()}
        return {name: self._set(name, units[name], self.scale * threshold) for name, threshold in read.items()}

    def _largest_current(self, name: str, unit: SpikingUnit, spiking: Network, batch: Batch) -> float:
        with _watching({name: unit.connection}, self._of_all) as seen, streaming(spiking):
            for step in range(self.timesteps):
                spiking(batch.images, range(step, step + 1), batch.keys)
        return max(seen[name])

    def _of_positive(self, activation: Tensor) -> float:
        # Rueckauer's toolbox takes the percentile over the non-zero activations: sparse layers would otherwise get a threshold near 0.
        positive = activation[activation > 0]
        return percentile(positive, self.percentile) if len(positive) else 0.0

    def _of_all(self, current: Tensor) -> float:
        return percentile(current.flatten(), self.percentile)

    def _set(self, name: str, unit: SpikingUnit, threshold: float) -> float:
        if threshold <= 0:
            raise ValueError(f"layer {name} is silent on the calibration images, no threshold can be read; train the ANN longer")
        unit.neuron.firing.set_threshold(threshold, self.initial_potential)
        return threshold


def percentile(values: Tensor, share: float) -> float:
    """The `share` percentile of `values` `[N]`: the ceil(share N / 100)-th smallest, exact for any N (torch.quantile stops at 2^24)."""
    rank = min(max(math.ceil(share / 100 * len(values)), 1), len(values))
    return float(values.to(torch.promote_types(values.dtype, torch.float32)).kthvalue(rank).values)


@contextmanager
def _watching(modules: dict[str, nn.Module], statistic: Callable[[Tensor], float]) -> Iterator[dict[str, list[float]]]:
    """Collects `statistic` of the output of each module at each call."""
    seen: dict[str, list[float]] = {name: [] for name in modules}
    hooks = [
        module.register_forward_hook(lambda _, __, output, name=name: seen[name].append(statistic(output.detach())))
        for name, module in modules.items()
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
