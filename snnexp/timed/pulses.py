"""Spikes at learned times beside the inputs of a layer."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.timed.synapses import Synapses


@dataclass(frozen=True)
class PulseSettings:
    """The pulses that every linear layer gets.

    Args:
        count: how many, >= 1.
        span: time over which they are spread at first, > 0.
        gain: change of a time per unit of its parameter, > 0.
        drive: sum of a neuron's weights for them at first, in thresholds.
    """

    count: int
    span: float
    gain: float
    drive: float


class Pulses(nn.Module):
    """Spikes at learned times, that every neuron of a linear layer gets with weights of their own.

    Source: Comsa 2020 (survey [59]), synchronisation pulses at first evenly spaced.

    Args:
        count: how many, >= 1.
        outputs: neurons of the layer.
        span: time over which they are spread at first, > 0.
        gain: change of a time per unit of its parameter, > 0: optimizers have one step length for
            all parameters.
        drive: sum of the weights at first.
    """

    def __init__(self, count: int, outputs: int, span: float, gain: float, drive: float):
        super().__init__()
        self.gain = gain
        self.times = nn.Parameter(torch.arange(1, count + 1) * (span / (count + 1) / gain))
        self.weight = nn.Parameter(torch.full((outputs, count), drive / count))

    @staticmethod
    def of(settings: PulseSettings, outputs: int, threshold: float) -> "Pulses":
        """Those of a layer of so many neurons with such a threshold."""
        drive = settings.drive * threshold
        return Pulses(settings.count, outputs, settings.span, settings.gain, drive)

    def forward(
        self, times: Float[Tensor, "B N"], synapses: Synapses
    ) -> tuple[Float[Tensor, "B M"], Synapses]:
        """Inputs and weights with the pulses behind them."""
        if synapses.convolution:
            raise ValueError("pulses go with linear layers only; set form.pulses=0 of the stage")
        pulses = (self.times * self.gain).clamp(min=0).expand(len(times), -1)
        weight = torch.cat([synapses.weight, self.weight], 1)
        return torch.cat([times, pulses.to(times.dtype)], 1), synapses.replaced(
            weight, synapses.bias
        )
