"""Neurons that take a value in during one window of timesteps and send it as spikes during the
next.
"""

import abc
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.cell import at_rest
from snnexp.limits import Interval
from snnexp.neurons.base import Neuron
from snnexp.neurons.firing import Amplitude

Window = Annotated[int, Interval(2.0)]
"""Timesteps of a window, >= 2."""


class Windowed(Neuron, abc.ABC):
    """A code in windows of N timesteps; k = 0..N-1 counts the steps of a window, and all layers
    share the clock.

        y, memory <- send(k, memory)                        fire, what the window before has brought
        charge <- charge + x                         charge, in all steps but the last `silent` ones
        memory <- receive(charge / (N - silent)), charge <- 0             reset, after the last step

    A window brings the mean of its current, as rates do: an image and biases act at every step, and
    a spike carries as much as makes the mean of a window's output the value it stands for. A layer
    answers one window late, so with L layers of neurons the first right output is that of window L,
    counted from 0: T = (L + 1) N, while a new image may enter with every window. The image is shown
    in all of them, so that a shortcut, which skips windows, brings the same as the layers beside
    it. The state is (charge, memory, k).

    No gradient passes: these neurons are for conversion.
    """

    differentiable: ClassVar[bool] = False
    windowed: ClassVar[bool] = True
    amplitude: ClassVar[Amplitude] = "threshold"
    silent: ClassVar[int] = 0
    """Steps at the end of a window in which no spike is on its way."""

    def __init__(self, window: Window):
        super().__init__()
        self.window = window

    @abc.abstractmethod
    def receive(self, value: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        """What to remember of the value that a window has brought; 0 stands for nothing to send."""

    @abc.abstractmethod
    def send(
        self, k: int, memory: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        """Output at step k of a window, and what remains to be sent."""

    def initial(
        self, x: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"], int]:
        return at_rest(x), at_rest(x), 0

    def step(self, x: Float[Tensor, "B *n"], state: Any) -> tuple[Float[Tensor, "B *n"], Any]:
        charge, memory, k = state
        y, memory = self.send(k, memory)
        heard = self.window - self.silent
        charge = charge + x if k < heard else charge
        if k < self.window - 1:
            return y, (charge, memory, k + 1)
        return y, (torch.zeros_like(charge), self.receive(charge / heard), 0)
