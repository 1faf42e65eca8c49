"""Distance of spike counts to counts that are wanted."""

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from snnexp.limits import Natural, NonNegative
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading


class SpikeCount(Loss):
    """Squared distance of the spike counts of output neurons to one number for the label and a
    smaller one for the others.

        d_sn = sum_t s_sn(t) - (label  if n is of the label  else others)
        L = 1/(2 S T) sum_s sum_n d_sn^2,   where |d_sn| > margin

    Neurons of a class stand side by side, as readout voting has them. Choose it where every output
    neuron is to fire, so that all of them learn, and none has to fire at every timestep.

    Source: Shrestha & Orchard 2018 SLAYER (survey [47]), without margin; Jin 2018 HM2-BP (survey
    [49], public code) and Zhang & Li 2019 (survey [52]) with a margin, without 1/T.

    Args:
        label: spikes wanted of a neuron of the label, >= 0; not more than T can be had.
        others: spikes wanted of the others, >= 0.
        margin: distance that is as good as none, >= 0, in spikes.
    """

    every_timestep: ClassVar[bool] = True
    of_spikes: ClassVar[bool] = True

    def __init__(self, label: Natural, others: Natural, margin: NonNegative):
        super().__init__()
        self.label = label
        self.others = others
        self.margin = margin

    def forward(self, reading: Reading, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        trains = reading.drive.to(torch.promote_types(reading.drive.dtype, torch.float32))
        label = functional.one_hot(labels, reading.scores.shape[-1]).to(trains.dtype)
        label = label.repeat_interleave(trains.shape[-1] // label.shape[-1], 1)
        distance = trains.sum(0) - (self.others + (self.label - self.others) * label)
        missed = distance * (distance.abs() > self.margin)
        return missed.square().sum() / (2 * len(labels) * len(trains))
