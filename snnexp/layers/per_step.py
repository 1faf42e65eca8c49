"""Plain PyTorch modules applied to all timesteps in one call."""

from dataclasses import replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import is_static
from snnexp.kernels.layout import once
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.distortion import Code, Distorting
from snnexp.layers.signal import Accompanied, Real, Signal, Spikes


class PerStep(nn.Sequential):
    """Applies stateless modules to every timestep at once by folding time into the batch: `[T, B,
    *n] -> [T, B, *m]`.

    An input that does not change with time (stride 0) is computed once and expanded again, so a
    static current costs one step, not T. Batch statistics are taken over time and batch together.
    """

    kind: ClassVar[str] = "pool"

    def forward(self, x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *m"]:
        if is_static(x):
            y = super().forward(once(x))
            return y.expand(len(x), *y.shape)
        return super().forward(x.flatten(0, 1)).unflatten(0, x.shape[:2])

    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """Behind an average, all spikes of its window; behind a maximum, the most that a neuron
        sent. The largest of values that are no spikes is real.

        Where every value other than 0 was a spike, a maximum of them is one again, as is a choice.
        """
        (signal,) = signals
        if isinstance(signal, Real):
            return signal
        if isinstance(signal, Accompanied):
            spikes = self.passed([signal.spikes], values)
            return replace(signal, spikes=spikes) if self._linear else Real(signal.steps)
        if signal.single and not any(isinstance(module, AveragePool) for module in self):
            return Spikes(values)
        totals = (lambda: self._pool(signal.totals[None])[0]) if self._linear else None
        return Spikes(values, lambda: self._pool_each(signal.behind()), totals)

    def distortion(self, code: Code) -> str | None:
        """What the first of its modules that distorts spikes of this code does to them."""
        said = (_distortion(module, code) for module in self)
        return next((reason for reason in said if reason is not None), None)

    @property
    def _linear(self) -> bool:
        return all(isinstance(module, AveragePool | nn.Flatten) for module in self)

    def _pool_each(self, counts: Tensor) -> Tensor:
        pooled = self._pool(counts.flatten(0, 1).to(torch.float32))
        return pooled.unflatten(0, counts.shape[:2])

    def _pool(self, counts: Tensor) -> Tensor:
        """Counts of spikes `[N, *n]` behind what goes in to those behind what comes out.

        What takes maxima or picks values does with counts what it does with values.
        """
        for module in self:
            behind = getattr(module, "spikes_behind", module)
            counts = behind(counts)
        return counts


def _distortion(module: nn.Module, code: Code) -> str | None:
    if isinstance(module, Distorting):
        return module.distortion(code)
    # The largest of outputs that stay on is the earliest.
    if not isinstance(module, nn.MaxPool2d) or code == "steps":
        return None
    return (
        "takes maxima, and the maximum of spikes at each timestep is more than the maximum of "
        "rates; train and convert with average pools: architecture.pooling=average, or AP2 for "
        "MP2 in architecture.layers, or with neuron=few_spikes"
    )
