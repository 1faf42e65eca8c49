"""Readout of codes in windows of timesteps."""

from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.cell import at_rest
from snnexp.limits import Interval, Natural
from snnexp.readouts.base import Readout


class Window(Readout):
    """Takes the mean current of output neurons that never fire, over the window so far, as the
    logits.

        u <- u + x,  logits = u / steps of this window so far
            in all steps but the last `silent` ones, which change nothing
        u <- 0                                                       after the last step of a window

    After the last step of a window of N the logits are the output layer's weights applied to what
    the layer before has sent in it.

    Source: this project; goes with the neurons few_spikes, switch and time_to_first_spike, whose
    layers pass values window by window.

    Args:
        window: steps N of a window, >= 2; those of the neurons.
        silent: steps at the end of a window that bring no spike; 1 for the neuron switch, else 0.
    """

    spiking: ClassVar[bool] = False
    in_windows: ClassVar[bool] = True

    def __init__(self, window: Annotated[int, Interval(2.0)], silent: Natural):
        super().__init__()
        self.window = window
        self.heard = window - silent

    def features(self, classes: int) -> int:
        """Width of the output layer."""
        return classes

    def initial(self, x: Float[Tensor, "B K"]) -> tuple[Float[Tensor, "B K"], int]:
        return at_rest(x), 0

    def step(self, x: Float[Tensor, "B K"], state: Any) -> tuple[Float[Tensor, "B K"], Any]:
        u, k = state
        u = u + x if k < self.heard else u
        logits = u / min(k + 1, self.heard)
        return logits, (u, k + 1) if k + 1 < self.window else (torch.zeros_like(u), 0)
