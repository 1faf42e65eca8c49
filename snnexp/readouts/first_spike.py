"""Readout of the class whose neuron fires first."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.cell import State, at_rest
from snnexp.readouts.base import Readout


class FirstSpike(Readout):
    """Decides for the output neuron that fires first; what comes after its spike changes nothing.

        logits_c(t) = f_c (t - t_c + 1) / t  from the first spike t_c on, 0 before
            t counted from 1, f_c the height of that spike

    The logit is the share of time since the first spike, so of neurons with spikes of one height
    the earlier stays ahead. Until an output neuron has fired all are 0, and of neurons that fire
    first in the same timestep none is ahead: the image is undecided, which counts as wrong.

    Source: Rueckauer & Liu 2018 (survey [19]); survey section II (time-to-first-spike coding).
    """

    spiking: ClassVar[bool] = True
    of_first_spikes: ClassVar[bool] = True

    def features(self, classes: int) -> int:
        """Width of the output layer."""
        return classes

    def initial(self, x: Float[Tensor, "B K"]) -> State:
        return at_rest(x), at_rest(x), at_rest(x[:, :1])

    def step(self, x: Float[Tensor, "B K"], state: State) -> tuple[Float[Tensor, "B K"], State]:
        first, score, steps = state
        first = torch.where(first == 0, x.to(first.dtype), first)
        score, steps = score + first, steps + 1
        return score / steps, (first, score, steps)
